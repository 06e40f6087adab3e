import { describe, expect, test } from "vitest";
import { defaultSettings, type Settings } from "../config/settings.ts";
import { banner } from "./banner.ts";
import { createStyle } from "./style.ts";

const url = "http://127.0.0.1:4000";
const show = (change: Partial<Settings> = {}) =>
  banner({ ...defaultSettings(), ...change }, { url, workerCount: 1, version: "1.2.3" }, createStyle(false));

describe("banner", () => {
  test("of a server without configuration", () => {
    expect(show()).toBe(`
  Tachikoma 1.2.3

  Playground  http://127.0.0.1:4000/
  WebSocket   ws://127.0.0.1:4000/ws
  Handlers    chat demo answers, no model
  Access      no authentication: everyone on this machine may do everything
  Data        data/tachikoma.db

  Ctrl-C stops it.

`);
  });

  test("says how many processes there are, where there are several", () => {
    const text = banner(defaultSettings(), { url, workerCount: 4, version: "1.2.3" }, createStyle(false));
    expect(text).toContain("  Workers     4 processes\n");
  });

  test("says what each handler is, and no secret", () => {
    const text = show({
      security: { apiKey: "canary" },
      database: { url: "memory://", keyPrefix: "t" },
      executions: {
        wc: {
          backend: "command",
          command: ["wc", "--key=canary"],
          env: { K: "canary" },
          firstByteTimeoutSecs: 1,
          idleTimeoutSecs: 1,
          maxDurationSecs: 1,
          onOwnerLost: "interrupt",
        },
        chat: {
          backend: "openai-compatible",
          baseUrl: "http://canary:canary@127.0.0.1:11434/v1?key=canary",
          model: "llama3.2",
          apiKey: "canary",
          firstByteTimeoutSecs: 1,
          idleTimeoutSecs: 1,
          maxDurationSecs: 1,
          onOwnerLost: "interrupt",
        },
      },
    });
    expect(text).toContain("wc command wc\n");
    expect(text).toContain("chat openai-compatible, llama3.2 at 127.0.0.1:11434\n");
    expect(text).toContain("API key required");
    expect(text).toContain("in memory: forgotten when the server stops");
    expect(text).not.toContain("canary");
  });

  test("says where the data is, without the password", () => {
    const database = { url: "redis://user:canary@db.example:7000/2", keyPrefix: "demo" };
    expect(show({ database })).toContain("redis://db.example:7000/2, keys {demo}:*, durability memory\n");
    expect(show({ database })).not.toContain("canary");
  });

  test("shows the public address and leaves out what is off", () => {
    const { server, websocket } = defaultSettings();
    const text = show({ server: { ...server, publicUrl: "https://a.example/x/", console: false } });
    expect(text).toContain("wss://a.example/x/ws");
    expect(text).not.toContain("Playground");
    expect(show({ websocket: { ...websocket, enabled: false } })).not.toContain("WebSocket");
  });
});
