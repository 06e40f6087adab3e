import { describe, expect, test } from "vitest";
import { createLogger, type LogLevel } from "./logger.ts";

function captureLogger(options: { level?: LogLevel; pretty?: boolean } = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    level: options.level ?? "debug",
    pretty: options.pretty ?? false,
    destination: { write: (line) => lines.push(line) },
  });
  return { logger, lines, last: () => JSON.parse(lines.at(-1)!) as Record<string, unknown> };
}

describe("lines", () => {
  test("one event is one JSON line with time, level, message and fields", () => {
    const { logger, lines, last } = captureLogger();
    logger.info({ port: 3000, text: "two\nlines" }, "Listening\non it");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(last()).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
      port: 3000,
      text: "two\nlines",
      msg: "Listening\non it",
    });
  });

  test("what is below the level is not written", () => {
    const { logger, lines } = captureLogger({ level: "warn" });
    logger.debug({}, "a");
    logger.info({}, "b");
    logger.warn({}, "c");
    logger.error({}, "d");
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(["c", "d"]);
    const silent = captureLogger({ level: "silent" });
    silent.logger.error({}, "e");
    expect(silent.lines).toEqual([]);
  });

  test("a message is taken as it is: a percent sign formats nothing", () => {
    const { logger, last } = captureLogger();
    logger.info({ a: 1 }, "100%s of %d %j");
    expect(last()["msg"]).toBe("100%s of %d %j");
  });

  test("pretty lines are for reading: time, level, message, fields", () => {
    const { logger, lines } = captureLogger({ pretty: true });
    logger.warn({ port: 3000, reason: "too slow", token: "hidden" }, "Closed\nforged line");
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}Closed forged line port=3000 reason="too slow" token="\[redacted\]"\n$/,
    );
  });
});

describe("redaction", () => {
  const secret = "s3cr3t-value";

  test.each(["token", "apiKey", "api_key", "authorization", "Authorization", "password", "secret", "cookie"])(
    "%s is redacted at every depth",
    (name) => {
      const { logger, lines } = captureLogger();
      const here = { [name]: secret };
      logger.error(
        {
          ...here,
          a: here,
          b: { c: here },
          d: [{ e: [here] }],
          f: { g: { h: { i: here } } },
          m: new Map([[name, secret]]),
        },
        "x",
      );
      expect(lines[0]).not.toContain(secret);
      expect(lines[0]!.match(/\[redacted\]/g)!.length).toBe(6);
    },
  );

  test.each(["access_token", "x-api-key", "clientSecret", "set-cookie", "proxy-authorization"])(
    "%s counts as one of them",
    (name) => {
      const { logger, lines } = captureLogger();
      logger.info({ headers: { [name]: secret } }, "x");
      expect(lines[0]).not.toContain(secret);
    },
  );

  test("names that only resemble them stay", () => {
    const { logger, last } = captureLogger();
    logger.info({ tokens: 5, maxOutputTokens: 9, secretary: "Ada" }, "x");
    expect(last()).toMatchObject({ tokens: 5, maxOutputTokens: 9, secretary: "Ada" });
  });

  test("credentials inside text are cut out, the rest of the text stays", () => {
    const { logger, last } = captureLogger();
    logger.info(
      { url: `/ws?client_id=a&token=${secret}&x=1`, header: `Bearer ${secret}` },
      `Refused token=${secret}`,
    );
    expect(last()).toMatchObject({
      url: "/ws?client_id=a&token=[redacted]&x=1",
      header: "Bearer [redacted]",
      msg: "Refused token=[redacted]",
    });
  });

  test.each([
    [`redis://user:${secret}@db:6379/0`, "redis://[redacted]@db:6379/0"],
    [`cannot reach rediss://:${secret}@db (and a/b@c)`, "cannot reach rediss://[redacted]@db (and a/b@c)"],
    [`redis://:${secret}/#@x@db`, "redis://[redacted]@db"],
    ["http://db.example/a@b", "http://db.example/a@b"],
  ])("the password of an address is cut out: %s", (text, shown) => {
    const { logger, last } = captureLogger();
    logger.error({ err: new Error(text), address: text }, text);
    expect(last()).toMatchObject({ msg: shown, address: shown, err: { message: shown } });
  });

  test("an error shows name, text, code, stack and cause, and nothing else that hangs on it", () => {
    const { logger, lines, last } = captureLogger();
    const cause = Object.assign(new Error("Socket is gone"), { code: "ECONNRESET" });
    const error = Object.assign(new TypeError(`Refused ?token=${secret}`, { cause }), {
      request: { headers: { "x-custom": secret } },
    });
    logger.error({ err: error, error }, "Failed");
    expect(lines[0]).not.toContain(secret);
    for (const name of ["err", "error"]) {
      expect(last()[name]).toMatchObject({
        name: "TypeError",
        message: "Refused ?token=[redacted]",
        stack: expect.stringContaining("logger.test.ts") as string,
        cause: { message: "Socket is gone", code: "ECONNRESET" },
      });
    }
  });

  test("nothing that is logged can make the logger throw or write without end", () => {
    const { logger, lines } = captureLogger();
    const circular: Record<string, unknown> = {
      big: 10n,
      when: new Date(Number.NaN),
      fn: () => 1,
      sym: Symbol("s"),
    };
    circular["self"] = circular;
    logger.info(circular, "circular");
    logger.info(
      {
        get broken(): string {
          throw new Error("no");
        },
      },
      "getter",
    );
    logger.info(
      { bytes: Buffer.alloc(10_000), list: new Array(1000).fill(1), set: new Set([secret]) },
      "large",
    );
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      "circular",
      "getter",
      "large",
    ]);
    expect(lines[2]!.length).toBeLessThan(1000);
  });
});
