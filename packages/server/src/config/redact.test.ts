import { describe, expect, test } from "vitest";
import { REDACTED, redactText } from "./redact.ts";

describe("redactText", () => {
  test.each([
    ["redis://user:canary@host:6379/0", `redis://${REDACTED}@host:6379/0`],
    ["redis://:canary@host", `redis://${REDACTED}@host`],
    ["redis://u:a/canary#@x@host:1/0", `redis://${REDACTED}@host:1/0`],
    ["http://canary@host/", `http://${REDACTED}@host/`],
    ["http://user:can@ary@host/", `http://${REDACTED}@host/`],
    [
      "see http://u:canary@a/ and https://u:canary@b/",
      `see http://${REDACTED}@a/ and https://${REDACTED}@b/`,
    ],
    ["https://host/?api_key=canary&x=1", `https://host/?api_key=${REDACTED}&x=1`],
    ["wss://host/ws?client_id=a&token=canary", `wss://host/ws?client_id=a&token=${REDACTED}`],
    ["key sk-proj-canary0123456789abcdef end", `key ${REDACTED} end`],
    ["tk_canary_0123456789-0123456789", REDACTED],
  ])("%s", (text, shown) => {
    expect(redactText(text)).toBe(shown);
    expect(redactText(text)).not.toContain("canary");
  });

  test.each([
    "http://127.0.0.1:11434/v1",
    "sqlite://data/tachikoma.db",
    "mail someone@example.com",
    "claude-sonnet-4-5",
    "https://host/?client_id=a&page=1",
  ])("leaves %s alone", (text) => {
    expect(redactText(text)).toBe(text);
  });

  test("a known secret is found anywhere", () => {
    expect(redactText("a canary, and canary", ["canary"])).toBe(`a ${REDACTED}, and ${REDACTED}`);
  });

  test("an empty or tiny secret does not shred the text", () => {
    expect(redactText("abc", ["", "a"])).toBe("abc");
  });
});
