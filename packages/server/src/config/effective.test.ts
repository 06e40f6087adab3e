import { parse } from "smol-toml";
import { describe, expect, test } from "vitest";
import { effectiveJson, formatEffectiveToml } from "./effective.ts";
import { type LoadedSettings, loadSettings } from "./load.ts";

const TOML = `
[server]
port = 4000
[channels.chat]
history = { ttl = "7d" }
[executions."my.bot"]
backend = "openai-compatible"
base_url = "http://127.0.0.1:1/v1"
model = "m"
[executions.wc]
backend = "command"
command = ["wc", "-w"]
env = { LANG = "C" }
`;

function load(toml: string, env: Record<string, string> = {}): LoadedSettings {
  const result = loadSettings({ env, readFile: (path) => (path === "tachikoma.toml" ? toml : undefined) });
  if (result.kind === "refused") throw new Error(JSON.stringify(result.problems));
  return result;
}

describe("settings in force", () => {
  const { settings, sources } = load(TOML, { TACHIKOMA_SERVER__HOST: "localhost" });
  const toml = formatEffectiveToml(settings, sources);

  test.each([
    'host = "localhost"  # TACHIKOMA_SERVER__HOST',
    "port = 4000  # tachikoma.toml:3",
    "console = true  # default",
    'history.ttl = "7d"  # tachikoma.toml:5',
    '[executions."my.bot"]',
    'command = ["wc", "-w"]  # tachikoma.toml:12',
    'env.LANG = "[redacted]"  # tachikoma.toml:13',
  ])("%s", (line) => {
    expect(toml.split("\n")).toContain(line);
  });

  test("are a configuration that means the same", () => {
    const again = load(toml.replace("[redacted]", "C"));
    expect(again.settings).toEqual(settings);
    expect(parse(toml)).toHaveProperty("server.port", 4000);
  });

  test("in JSON have the names of the file, with the sources beside them", () => {
    expect(effectiveJson(settings, sources)).toMatchObject({
      settings: {
        websocket: { ping_interval_secs: 30 },
        channels: { chat: { history: { ttl: "7d" } } },
        executions: { "my.bot": { base_url: "http://127.0.0.1:1/v1" } },
      },
      sources: {
        "server.port": "tachikoma.toml:3",
        'executions."my.bot".model': "tachikoma.toml:9",
        "server.console": "default",
      },
    });
  });

  test("a key that is kept elsewhere is not written as one", () => {
    const { settings, sources } = load('[security]\napi_key_env = "KEY"', { KEY: "0123456789abcdef" });
    const text = formatEffectiveToml(settings, sources);
    expect(text).toContain('# api_key = "[redacted]"\napi_key_env = "KEY"  # tachikoma.toml:2');
    expect(load(text, { KEY: "0123456789abcdef" }).settings).toEqual(settings);
  });
});
