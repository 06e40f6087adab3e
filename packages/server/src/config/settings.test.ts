import { describe, expect, test } from "vitest";
import { loadSettings } from "./load.ts";
import {
  environmentName,
  pathText,
  resolvePath,
  SETTING_FIELDS,
  type SettingField,
} from "./setting-fields.ts";
import { channelSettingsFor, defaultSettings } from "./settings.ts";

describe("defaults", () => {
  test("a server without configuration", () => {
    expect(defaultSettings()).toEqual({
      server: {
        host: "127.0.0.1",
        port: 3000,
        workers: 1,
        allowUnauthenticatedRemote: false,
        drainTimeoutSecs: 10,
        logLevel: "info",
        logFormat: "auto",
        dataDir: "data",
        console: true,
      },
      database: { url: "sqlite://data/tachikoma.db", keyPrefix: "tachikoma" },
      security: {},
      websocket: {
        enabled: true,
        maxMessageSize: 16_777_216,
        maxFrameSize: 65_536,
        enforceInboundFrameSize: false,
        pingIntervalSecs: 30,
        pongTimeoutSecs: 10,
        connectionTimeoutSecs: 60,
        maxConnectionsPerClient: 5,
        compression: true,
        compressionThresholdBytes: 8192,
        maxInvalidMessagesPerMinute: 60,
        maxMessagesPerSec: 200,
        maxMessageBurst: 400,
        maxSubscriptions: 100,
        highWaterBytes: 262_144,
        replayPageBytes: 262_144,
      },
      sessions: { ttlSecs: 86_400 },
      limits: {
        maxConnections: 10_000,
        maxRunningExecutions: 1000,
        maxExecutionsPerChannel: 16,
        maxExecutionsPerConnection: 16,
        maxWaitingInputs: 64,
        maxCollectMs: 60,
        maxEventLoopDelayMs: 100,
        maxEventLoopUtilization: 0.95,
        maxHeapShare: 0.85,
        maxPendingHandshakes: 200,
      },
      cluster: { leaseTtlSecs: 15 },
      durableStreams: {
        enabled: true,
        maxStreamBytes: 268_435_456,
        maxLiveReads: 10_000,
        longPollSecs: 3,
        sseSecs: 60,
        cache: "private",
      },
      channels: {
        default: {
          history: { records: 10_000, bytes: 67_108_864, ttl: 86_400 },
          presence: false,
          maxRecordBytes: 1_048_576,
        },
      },
      executions: { chat: { backend: "demo", maxDurationSecs: 3600, onOwnerLost: "interrupt" } },
    });
  });

  test("what loads from nothing is the same", () => {
    expect(loadSettings({ env: {}, readFile: () => undefined })).toMatchObject({
      kind: "loaded",
      settings: defaultSettings(),
      warnings: [],
    });
  });

  test("every default is within its own range", () => {
    for (const { path, schema, meta } of SETTING_FIELDS) {
      if (meta.presence !== "default") continue;
      expect(schema.safeParse(meta.defaultValue), pathText(path)).toMatchObject({ success: true });
    }
  });
});

describe("ranges", () => {
  const numbers = SETTING_FIELDS.flatMap((field) =>
    field.meta.kind === "number" ? [{ field, meta: field.meta }] : [],
  );

  test.each(numbers.map(({ field, meta }) => [pathText(field.path), field, meta] as const))(
    "%s",
    (_, field, meta) => {
      const isAccepted = (value: number) => field.schema.safeParse(value).success;
      const step = meta.isInteger ? 1 : 0.001;
      expect(isAccepted(meta.min)).toBe(true);
      expect(isAccepted(meta.max)).toBe(true);
      expect(isAccepted(meta.min - step)).toBe(false);
      expect(isAccepted(meta.max + 1)).toBe(false);
      expect(isAccepted(meta.max - 0.5)).toBe(!meta.isInteger);
      for (const never of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        expect(isAccepted(never)).toBe(false);
    },
  );

  test("no number is without bounds", () => {
    for (const { meta } of numbers) expect(Number.isFinite(meta.min) && Number.isFinite(meta.max)).toBe(true);
  });

  test.each([
    ["1s", true],
    ["3650d", true],
    ["0s", false],
    ["3651d", false],
    [0.5, false],
    ["soon", false],
    [true, false],
  ])("history.ttl = %j", (value, isValid) => {
    expect(fieldAt("channels", "x", "history", "ttl").schema.safeParse(value).success).toBe(isValid);
  });

  test.each<[string[], string, string, ...string[]]>([
    [
      ["database", "url"],
      "sqlite://x.db",
      "memory://",
      "sqlite://",
      "memory://x",
      "postgres://x",
      "x.db",
      "",
    ],
    [
      ["database", "url"],
      "redis://h",
      "rediss://u:p@h:1/15",
      "redis://",
      "redis://h/x",
      "redis://h?x=1",
      "redis://:a/b@h",
    ],
    [["database", "key_prefix"], "tachikoma", "a.B_1:c-d", "a/b", "a*", "{a}", "a b", ""],
    [["server", "public_url"], "https://a.example", "http://a:1/x", "ftp://a", "a.example", "http://", ""],
    [["security", "api_key_env"], "KEY", "_k2", "2K", "A B", "$KEY", "A=B"],
  ])("%j takes the first two and refuses the others", (path, first, second, ...refused) => {
    const { schema } = fieldAt(...path);
    for (const text of [first, second]) expect(schema.safeParse(text).success, text).toBe(true);
    for (const text of refused) expect(schema.safeParse(text).success, text).toBe(false);
  });

  test.each([
    "https://a.example/",
    "https://A.example",
    "a.example",
    "null",
    "*",
    "https://a.example/x",
    "https://a.example:443",
  ])("%s is no origin to compare exactly", (origin) => {
    expect(fieldAt("security", "allowed_origins").schema.safeParse([origin]).success).toBe(false);
  });

  test.each(["https://a.example", "http://localhost:5173"])("%s is an origin", (origin) => {
    expect(fieldAt("security", "allowed_origins").schema.safeParse([origin]).success).toBe(true);
  });
});

describe("names", () => {
  test("every setting has its own variable, and a path that leads to it", () => {
    const paths = SETTING_FIELDS.map(({ path }) => pathText(path));
    const variables = SETTING_FIELDS.map(({ path }) => environmentName(path));
    expect(new Set(variables).size).toBe(new Set(paths).size);
    for (const { path } of SETTING_FIELDS) expect(resolvePath(path).kind).toBe("setting");
  });

  test("the seed's eight settings have its names", () => {
    const names = SETTING_FIELDS.filter(({ path }) => path[0] === "websocket").map(({ path }) => path[1]);
    expect(names).toEqual(
      expect.arrayContaining([
        "enabled",
        "max_message_size",
        "max_frame_size",
        "ping_interval_secs",
        "pong_timeout_secs",
        "connection_timeout_secs",
        "max_connections_per_client",
        "compression",
      ]),
    );
  });
});

describe("channelSettingsFor", () => {
  test("a namespace without a section has the default's, whatever it is called", () => {
    const settings = defaultSettings();
    for (const namespace of ["chat", "constructor", "__proto__", "toString"]) {
      expect(channelSettingsFor(settings, namespace)).toBe(settings.channels["default"]);
    }
  });
});

function fieldAt(...path: string[]): SettingField {
  const resolved = resolvePath(path);
  if (resolved.kind !== "setting") throw new Error(`${pathText(path)} is ${resolved.kind}`);
  return resolved.field;
}
