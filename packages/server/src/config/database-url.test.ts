import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { databaseSecretTexts, parseDatabaseUrl, redisUrlText } from "./database-url.ts";

describe("parseDatabaseUrl", () => {
  test.each([
    ["memory://", { kind: "memory" }],
    ["sqlite://data/x.db", { kind: "sqlite", path: "data/x.db" }],
    ["sqlite:///var/x.db", { kind: "sqlite", path: "/var/x.db" }],
    ["redis://h", { kind: "redis", address: { host: "h", port: 6379, database: 0, isTls: false } }],
    ["redis://h:7000/3", { kind: "redis", address: { port: 7000, database: 3, label: "redis://h:7000/3" } }],
    ["rediss://[::1]:1", { kind: "redis", address: { host: "::1", port: 1, isTls: true } }],
    [
      "redis://us%40er:p%2Fa%23s%3As@h",
      { kind: "redis", address: { username: "us@er", password: "p/a#s:s" } },
    ],
  ])("%s", (text, parsed) => {
    expect(parseDatabaseUrl(text)).toMatchObject(parsed);
  });

  test.each([
    "",
    "x.db",
    "postgres://h",
    "sqlite://",
    "memory://x",
    "redis:",
    "redis://",
    "redis:///0",
    "redis://h:port",
    "redis://h:99999",
    "redis://h/x",
    "redis://h/1/2",
    "redis://h/-1",
    "redis://h/99999999",
    "redis://h?db=1",
    "redis://h/0#x",
    "redis://:pa/ss@h",
    "redis://:%zz@h",
    "redis://a b",
  ])("%j is refused without being repeated", (text) => {
    const parsed = parseDatabaseUrl(text);
    expect(parsed).toEqual({ kind: "invalid", fault: expect.stringMatching(/\S/) as string });
    const fault = parsed.kind === "invalid" ? parsed.fault : "";
    if (text.length > "sqlite://".length) expect(fault).not.toContain(text);
  });
});

test("a URL that is put together again means the same, whatever the password", () => {
  const secret = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" });
  const host = fc.constantFrom("h", "redis.internal", "10.0.0.1", "::1");
  fc.assert(
    fc.property(secret, secret, host, fc.boolean(), fc.nat(15), (username, password, at, isTls, database) => {
      const address = { host: at, port: 7000, database, isTls, username, password, label: "" };
      expect(parseDatabaseUrl(redisUrlText(address))).toMatchObject({
        kind: "redis",
        address: { ...address, label: expect.not.stringContaining("@") as string },
      });
    }),
  );
});

test.each([
  ["redis://h", []],
  ["redis://:@h", []],
  ["redis://user:pass@h", ["pass", "pass"]],
  ["redis://user:p%40ss@h", ["p%40ss", "p@ss"]],
  ["redis://:pa/ss#@x@h/0", ["pa/ss#@x", "pa/ss#@x"]],
  ["rediss:user:pass@h", ["pass", "pass"]],
  ["sqlite://a:b@c", []],
])("the secret of %s, also where it cannot be read", (text, secrets) => {
  expect(databaseSecretTexts(text)).toEqual(secrets);
});
