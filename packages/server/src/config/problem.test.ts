import { describe, expect, test } from "vitest";
import { loadSettings } from "./load.ts";
import { formatProblem } from "./problem.ts";

function problems(
  toml: string,
  env: Record<string, string> = {},
  flags: Record<string, string> = {},
): string[] {
  const result = loadSettings({
    env,
    flags: Object.entries(flags).map(([key, value]) => ({ flag: `--set`, key, value })),
    readFile: (path) => (path === "tachikoma.toml" ? toml : undefined),
  });
  return result.kind === "refused" ? result.problems.map(formatProblem) : [];
}

describe("what a problem says", () => {
  test.each([
    ["port = 1", "tachikoma.toml:1: port: is not a setting (did you mean server.port?)"],
    ["[server]\nprot = 1", "tachikoma.toml:2: server.prot: is not a setting (did you mean server.port?)"],
    ["[sever]\nport = 1", "tachikoma.toml:1: sever: is not a setting (did you mean server?)"],
    [
      "[server]\nlogLevel = 1",
      "tachikoma.toml:2: server.logLevel: is not a setting (did you mean server.log_level?)",
    ],
    ["[server]\nzebra = 1", "tachikoma.toml:2: server.zebra: is not a setting"],
    ["server = 1", "tachikoma.toml:1: server: is a group of settings, not a value"],
    [
      "[server]\nport = 70000",
      "tachikoma.toml:2: server.port = 70000: must be a whole number from 0 to 65535",
    ],
    ["[server]\nport = 1.5", "tachikoma.toml:2: server.port = 1.5: must be a whole number from 0 to 65535"],
    [
      '[server]\nport = "3000"',
      'tachikoma.toml:2: server.port = "3000": must be a whole number from 0 to 65535',
    ],
    [
      "[server]\nport = []",
      "tachikoma.toml:2: server.port = a list of 0: must be a whole number from 0 to 65535",
    ],
    [
      "[server.port]\nx = 1",
      "tachikoma.toml:1: server.port = a table: must be a whole number from 0 to 65535",
    ],
    ["[server]\nconsole = 1", "tachikoma.toml:2: server.console = 1: must be true or false"],
    [
      "[websocket]\nping_interval_secs = 0",
      "tachikoma.toml:2: websocket.ping_interval_secs = 0: must be a number from 0.01 to 3600 seconds",
    ],
    [
      '[server]\nlog_level = "inof"',
      'tachikoma.toml:2: server.log_level = "inof": must be one of "debug", "info", "warn", "error", "silent" (did you mean "info"?)',
    ],
    [
      '[channels.chat]\nhistory = { ttl = "soon" }',
      'tachikoma.toml:2: channels.chat.history.ttl = "soon": must be a duration from 1s to 3650d, such as "24h", "30m", "90s", "7d" or a number of seconds',
    ],
    [
      '[channels."a:b"]\npresence = true',
      'tachikoma.toml:1: channels."a:b": the name must be the part of channel names before the colon: no white space, no colon, no ~ in front',
    ],
    [
      '[database]\nurl = "redis://:secret@"',
      'tachikoma.toml:2: database.url = "redis://[redacted]@": The address of Redis is not a URL: it is redis://HOST[:PORT][/DB], with USER:PASSWORD@ in front of the host where it asks for them; characters such as / and # are percent-encoded there',
    ],
    [
      '[database]\nurl = "redis://localhost"\ndurability = "power-loss"',
      'tachikoma.toml:3: database.durability: "power-loss" is none of Redis\'s: "memory", "replica", "fsync"',
    ],
    [
      '[database]\nkey_prefix = "a/b"',
      'tachikoma.toml:2: database.key_prefix = "a/b": must consist of letters, digits, dots, colons, underscores and dashes',
    ],
    [
      '[database]\nurl = "redis://localhost"\npassword_env = "NOWHERE"',
      'tachikoma.toml:3: database.password_env = "NOWHERE": names a variable that is not set',
    ],
    [
      '[database]\nurl = "postgres://localhost"',
      'tachikoma.toml:2: database.url = "postgres://localhost": must be sqlite://PATH, redis://HOST, rediss://HOST or memory://',
    ],
    [
      '[executions.wc]\nbackend = "command"\nmodel = "m"\ncommand = ["wc"]',
      'tachikoma.toml:3: executions.wc.model: does not belong to the backend "command" (it belongs to openai-compatible, anthropic)',
    ],
    [
      '[executions.wc]\nbackend = "command"',
      'tachikoma.toml:2: executions.wc.command: is required (the backend "command" needs it)',
    ],
    [
      '[executions.wc]\nbackend = "command"\ncommand = []',
      "tachikoma.toml:3: executions.wc.command = a list of 0: must be a list of at most 1000 texts (text)",
    ],
    [
      '[executions.a]\nmodel = "m"',
      'tachikoma.toml:2: executions.a.backend: is required (one of "openai-compatible", "anthropic", "command", "demo")',
    ],
    [
      '[executions.a]\nbackend = "openai"',
      'tachikoma.toml:2: executions.a.backend = "openai": must be one of "openai-compatible", "anthropic", "command", "demo" (did you mean "openai-compatible"?)',
    ],
    ["[server]\nport = ", "tachikoma.toml:2: is not valid TOML: column 8: "],
  ])("%j", (toml, text) => {
    const found = problems(toml);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(text);
  });

  test.each([
    ["TACHIKOMA_SERVER__PORT", "abc", 'server.port = "abc": must be a whole number from 0 to 65535'],
    ["TACHIKOMA_SERVER__PORT", "", 'server.port = "": must be a whole number from 0 to 65535'],
    ["TACHIKOMA_SERVER__PORT", "0x10", 'server.port = "0x10": must be a whole number from 0 to 65535'],
    ["TACHIKOMA_SERVER__CONSOLE", "maybe", 'server.console = "maybe": must be true or false'],
    [
      "TACHIKOMA_WEBSOKET__ENABLED",
      "1",
      "websoket.enabled: is not a setting (did you mean TACHIKOMA_WEBSOCKET__ENABLED?)",
    ],
    [
      "TACHIKOMA_WEBSOCKET__PING_INTERVAL",
      "1",
      "websocket.ping_interval: is not a setting (did you mean TACHIKOMA_WEBSOCKET__PING_INTERVAL_SECS?)",
    ],
    [
      "TACHIKOMA_WEBSOCKET_PING_INTERVAL_SECS",
      "1",
      "two underscores separate a section from its keys (did you mean TACHIKOMA_WEBSOCKET__PING_INTERVAL_SECS?)",
    ],
    ["TACHIKOMA_CHANNELS__CHAT", "x", 'channels.chat: must be a table in JSON, such as {"key": "value"}'],
    [
      "TACHIKOMA_SECURITY__ALLOWED_ORIGINS",
      "https://a.example",
      'security.allowed_origins = "https://a.example": must be a list of at most 1000 texts (origin such as https://app.example.com)',
    ],
  ])("%s=%s", (variable, value, text) => {
    expect(problems("", { [variable]: value })).toEqual([`${variable}: ${text}`]);
  });

  test("all problems of all sources come together", () => {
    const found = problems(
      "[server]\nport = -1\nprot = 2",
      { TACHIKOMA_SERVER__HOST: "" },
      { "server.nope": "x", "..": "y" },
    );
    expect(found).toHaveLength(5);
  });

  test("a value that something else replaces is checked too", () => {
    expect(problems("[server]\nport = -1", {}, { "server.port": "1" })).toHaveLength(1);
  });

  test("a file that was asked for and is not there", () => {
    const readFile = () => undefined;
    const asked = loadSettings({ env: { TACHIKOMA_CONFIG: "x.toml" }, readFile });
    expect(asked).toMatchObject({
      problems: [{ source: { variable: "TACHIKOMA_CONFIG" }, message: "there is no file x.toml" }],
    });
    const flagged = loadSettings({ env: {}, configPath: "y.toml", readFile });
    expect(flagged).toMatchObject({
      problems: [{ source: { flag: "--config" }, message: "there is no file y.toml" }],
    });
  });

  test("a file that cannot be read", () => {
    const readFile = () => {
      throw Object.assign(new Error("no"), { code: "EACCES" });
    };
    expect(loadSettings({ env: {}, readFile })).toMatchObject({
      problems: [{ message: "cannot be read (EACCES)" }],
    });
  });

  test("a name that means something to JavaScript is no name", () => {
    expect(problems("[channels.__proto__]\npresence = true")).toHaveLength(1);
    expect(problems("", { TACHIKOMA_CHANNELS: '{"__proto__": {"presence": true}}' })).toHaveLength(1);
  });

  test("a long value is shortened", () => {
    const [found] = problems(`[server]\nlog_level = "${"x".repeat(5000)}"`);
    expect(found?.length).toBeLessThan(300);
  });
});
