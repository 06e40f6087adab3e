import { describe, expect, test } from "vitest";
import { webSocketUrl } from "./server-url.ts";

describe("webSocketUrl", () => {
  test.each([
    ["ws://127.0.0.1:3000/ws", "ws://127.0.0.1:3000/ws"],
    ["http://127.0.0.1:3000", "ws://127.0.0.1:3000/ws"],
    ["https://a.example/", "wss://a.example/ws"],
    ["https://a.example/x/ws?y=1", "wss://a.example/x/ws?y=1"],
    ["wss://u:p@a.example", "wss://u:p@a.example/ws"],
    ["ws://[::1]:3000", "ws://[::1]:3000/ws"],
  ])("%s is %s", (text, url) => {
    expect(webSocketUrl(text)).toBe(url);
  });

  test.each(["localhost:3000", "ftp://secret@a", "", "secret", "/ws"])(
    "%j is refused and not repeated",
    (text) => {
      expect(() => webSocketUrl(text)).toThrow("--url must be an address such as ws://127.0.0.1:3000/ws");
    },
  );
});
