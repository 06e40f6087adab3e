import { describe, expect, test } from "vitest";
import type { SettingFlag } from "./flag.ts";
import { type LoadedSettings, loadSettings } from "./load.ts";
import { formatProblem } from "./problem.ts";

interface Given {
  readonly toml?: string;
  readonly env?: Record<string, string>;
  readonly flags?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly configPath?: string;
}

function load({ toml, env = {}, flags = {}, files = {}, configPath }: Given) {
  const all: Record<string, string> = toml === undefined ? files : { "tachikoma.toml": toml, ...files };
  const settingFlags: SettingFlag[] = Object.entries(flags).map(([key, value]) => ({
    flag: "--set",
    key,
    value,
  }));
  return loadSettings({
    env,
    flags: settingFlags,
    readFile: (path) => all[path],
    ...(configPath === undefined ? {} : { configPath }),
  });
}

function loaded(given: Given): LoadedSettings {
  const result = load(given);
  if (result.kind === "refused") throw new Error(result.problems.map(formatProblem).join("\n"));
  return result;
}

function problemsOf(given: Given): string[] {
  const result = load(given);
  return result.kind === "refused" ? result.problems.map(formatProblem) : [];
}

describe("precedence", () => {
  const toml = "[server]\nport = 1111";
  const env = { TACHIKOMA_SERVER__PORT: "2222" };
  const flags = { "server.port": "3333" };

  test.each<[string, Given, number, string]>([
    ["nothing", {}, 3000, "default"],
    ["file", { toml }, 1111, "file"],
    ["variable", { env }, 2222, "environment"],
    ["flag", { flags }, 3333, "flag"],
    ["file and variable", { toml, env }, 2222, "environment"],
    ["file and flag", { toml, flags }, 3333, "flag"],
    ["variable and flag", { env, flags }, 3333, "flag"],
    ["all", { toml, env, flags }, 3333, "flag"],
  ])("%s", (_, given, port, kind) => {
    const { settings, sources } = loaded(given);
    expect(settings.server.port).toBe(port);
    expect(sources.get("server.port")?.kind ?? "default").toBe(kind);
  });

  test("settings are replaced one by one, lists as a whole", () => {
    const { settings } = loaded({
      toml: `[executions.wc]\nbackend = "command"\ncommand = ["wc", "-w"]\nenv = { A = "1", B = "2" }`,
      env: {
        TACHIKOMA_EXECUTIONS__WC__COMMAND: '["cat"]',
        TACHIKOMA_EXECUTIONS__WC__ENV__B: "3",
        TACHIKOMA_EXECUTIONS__WC__ENV__Mixed: "4",
      },
    });
    expect(settings.executions["wc"]).toMatchObject({
      command: ["cat"],
      env: { A: "1", B: "3", Mixed: "4" },
    });
  });

  test("--config counts more than TACHIKOMA_CONFIG, and that more than ./tachikoma.toml", () => {
    const files = {
      "tachikoma.toml": "[server]\nport = 1",
      "env.toml": "[server]\nport = 2",
      "flag.toml": "[server]\nport = 3",
    };
    const configEnv = { TACHIKOMA_CONFIG: "env.toml" };
    expect(loaded({ files })).toMatchObject({
      configPath: "tachikoma.toml",
      settings: { server: { port: 1 } },
    });
    expect(loaded({ files, env: configEnv })).toMatchObject({
      configPath: "env.toml",
      settings: { server: { port: 2 } },
    });
    expect(loaded({ files, env: configEnv, configPath: "flag.toml" })).toMatchObject({
      configPath: "flag.toml",
      settings: { server: { port: 3 } },
    });
    expect(loaded({}).configPath).toBeUndefined();
  });
});

describe("environment", () => {
  test("every kind of value", () => {
    const { settings } = loaded({
      env: {
        TACHIKOMA_WEBSOCKET__PING_INTERVAL_SECS: "0.05",
        TACHIKOMA_WEBSOCKET__COMPRESSION: "FALSE",
        TACHIKOMA_SERVER__CONSOLE: "0",
        TACHIKOMA_SERVER__LOG_LEVEL: "debug",
        TACHIKOMA_SECURITY__ALLOWED_ORIGINS: '["https://a.example"]',
        TACHIKOMA_CHANNELS__CHAT__HISTORY__TTL: "7d",
        TACHIKOMA_CHANNELS__SPEC: '{"presence": true, "history": {"ttl": "1h"}}',
        TACHIKOMA_EXECUTIONS__DEMO__BACKEND: "demo",
      },
    });
    expect(settings.websocket).toMatchObject({ pingIntervalSecs: 0.05, compression: false });
    expect(settings.server).toMatchObject({ console: false, logLevel: "debug" });
    expect(settings.security.allowedOrigins).toEqual(["https://a.example"]);
    expect(settings.channels["chat"]?.history.ttl).toBe(604_800);
    expect(settings.channels["spec"]).toMatchObject({ presence: true, history: { ttl: 3600 } });
    expect(Object.keys(settings.executions)).toEqual(["demo"]);
  });

  test("a name that a variable cannot hold is found in the file", () => {
    const { settings } = loaded({
      toml: `[executions."My-Bot"]\nbackend = "openai-compatible"\nbase_url = "http://x/v1"`,
      env: { TACHIKOMA_EXECUTIONS__MY_BOT__MODEL: "m" },
    });
    expect(settings.executions).toMatchObject({ "My-Bot": { model: "m" } });
  });

  test("variables of others are left alone", () => {
    const env = {
      TACHIKOMA_TOKEN: "x",
      TACHIKOMA_DEBUG: "1",
      TACHIKOMA_PORT: "tcp://10.0.0.1:3000",
      TACHIKOMA_SERVICE_HOST: "10.0.0.1",
      TACHIKOMA_SERVER_PORT: "tcp://10.0.0.1:3000",
      TACHIKOMA_PORT_3000_TCP_ADDR: "10.0.0.1",
      OTHER__PORT: "x",
    };
    expect(loaded({ env }).sources.size).toBe(0);
  });
});

describe("channels", () => {
  test("every namespace starts from the default's settings", () => {
    const { settings, sources } = loaded({
      toml: `[channels.default]\nhistory = { records = 5, ttl = "1h" }\npresence = true\n[channels.chat]\nhistory.ttl = 60\n[channels.constructor]\npresence = false`,
    });
    expect(settings.channels).toMatchObject({
      default: { history: { records: 5, ttl: 3600 }, presence: true },
      chat: { history: { records: 5, bytes: 67_108_864, ttl: 60 }, presence: true },
      constructor: { history: { records: 5, ttl: 3600 }, presence: false },
    });
    expect(sources.get("channels.chat.presence")).toEqual({ kind: "file", path: "tachikoma.toml", line: 3 });
  });

  test("a namespace alone leaves the default as it is", () => {
    const { settings } = loaded({ toml: "[channels.chat]\npresence = true" });
    expect(settings.channels["default"]?.presence).toBe(false);
  });
});

describe("database", () => {
  test("data_dir alone moves the database", () => {
    expect(loaded({ flags: { "server.data_dir": "/srv/t/" } }).settings.database.url).toBe(
      "sqlite:///srv/t/tachikoma.db",
    );
  });

  test("a url stays where it is", () => {
    const flags = { "server.data_dir": "x", "database.url": "memory://" };
    expect(loaded({ flags }).settings.database.url).toBe("memory://");
  });
});

describe("API keys", () => {
  const env = { KEY: "from-variable-0123456789" };
  const files = { "key.txt": "  from-file-0123456789\n" };

  test("itself, a variable, a file", () => {
    const direct = { "security.api_key": "direct-0123456789" };
    expect(loaded({ flags: direct }).settings.security.apiKey).toBe("direct-0123456789");
    expect(loaded({ env, flags: { "security.api_key_env": "KEY" } }).settings.security.apiKey).toBe(env.KEY);
    expect(loaded({ files, flags: { "security.api_key_file": "key.txt" } }).settings.security.apiKey).toBe(
      "from-file-0123456789",
    );
  });

  test("the way that counts more replaces the other", () => {
    const { settings } = loaded({
      toml: '[security]\napi_key_env = "KEY"',
      env: { ...env, TACHIKOMA_SECURITY__API_KEY: "direct-0123456789" },
    });
    expect(settings.security).toEqual({ apiKey: "direct-0123456789" });
  });

  test("two ways at once contradict", () => {
    expect(problemsOf({ env, toml: '[security]\napi_key_env = "KEY"\napi_key_file = "k"' })).toEqual([
      "tachikoma.toml:3: security.api_key_file: contradicts security.api_key_env (tachikoma.toml:2): give one of them",
    ]);
  });

  test.each([
    ["a variable that is not set", { "security.api_key_env": "NOPE" }, "names a variable that is not set"],
    ["a variable that is empty", { "security.api_key_env": "EMPTY" }, "names a variable that is empty"],
    ["a file that does not exist", { "security.api_key_file": "nope" }, "names a file that does not exist"],
    ["a file that is empty", { "security.api_key_file": "blank" }, "names a file that is empty"],
  ])("the server does not start open because of %s", (_, flags, message) => {
    const problems = problemsOf({
      flags: { ...flags, "server.host": "0.0.0.0" },
      env: { EMPTY: "" },
      files: { blank: " \n" },
    });
    expect(problems).toEqual([expect.stringContaining(message)]);
  });

  test("an empty key is an error, not the absence of one", () => {
    expect(problemsOf({ env: { TACHIKOMA_SECURITY__API_KEY: "" } })).toEqual([
      'TACHIKOMA_SECURITY__API_KEY: security.api_key = "": must be a text of 1 to 8192 characters',
    ]);
  });

  test("a key that is missing for a model is a warning", () => {
    const toml = `[executions.chat]\nbackend = "anthropic"\nmodel = "m"\napi_key_env = "NOPE"`;
    const { warnings, settings } = loaded({ toml });
    expect(warnings.map(formatProblem)).toEqual([
      'tachikoma.toml:4: executions.chat.api_key_env = "NOPE": names a variable that is not set',
    ]);
    expect(settings.executions["chat"]).not.toHaveProperty("apiKey");
    const found = loaded({ toml, env: { NOPE: "k" } });
    expect(found.settings.executions["chat"]).toMatchObject({
      apiKey: "k",
      baseUrl: "https://api.anthropic.com",
    });
  });

  test("a short key is a warning", () => {
    expect(loaded({ flags: { "security.api_key": "short" } }).warnings).toHaveLength(1);
  });
});

describe("listening without authentication", () => {
  test.each(["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])("%s is loopback", (host) => {
    expect(problemsOf({ flags: { "server.host": host } })).toEqual([]);
  });

  test.each(["0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.example.com", "127.1.example.com"])(
    "%s is refused",
    (host) => {
      expect(problemsOf({ flags: { "server.host": host } })).toEqual([
        expect.stringContaining(
          `server.host = "${host}": other machines could connect without authentication`,
        ),
      ]);
    },
  );

  test("a key or an explicit wish allows it; the wish leaves a warning", () => {
    const host = { "server.host": "0.0.0.0" };
    expect(loaded({ flags: { ...host, "security.api_key": "0123456789abcdef" } }).warnings).toEqual([]);
    expect(
      loaded({ flags: { ...host, "server.allow_unauthenticated_remote": "true" } }).warnings,
    ).toHaveLength(1);
  });
});
