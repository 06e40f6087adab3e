import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { databaseSecretTexts, parseDatabaseUrl, redisAddress, redisUrlText } from "./database-url.ts";

const LOCAL = { kind: "redis", isTls: false, host: "h", port: 6379, databaseNumber: 0 };

describe("parseDatabaseUrl", () => {
  test.each([
    ["memory://", { kind: "memory" }],
    ["sqlite://data/x.db", { kind: "sqlite", path: "data/x.db" }],
    ["sqlite:///var/x.db", { kind: "sqlite", path: "/var/x.db" }],
    ["redis://h", LOCAL],
    ["redis://h/", LOCAL],
    ["redis://h:7000/3", { ...LOCAL, port: 7000, databaseNumber: 3 }],
    ["rediss://h", { ...LOCAL, isTls: true }],
    ["redis://[::1]:1", { ...LOCAL, host: "[::1]", port: 1 }],
    ["redis://:pass@h", { ...LOCAL, password: "pass" }],
    ["redis://user@h", { ...LOCAL, username: "user" }],
    ["redis://us%40er:p%2Fa%23s%3As@h", { ...LOCAL, username: "us@er", password: "p/a#s:s" }],
  ])("%s", (text, parsed) => {
    expect(parseDatabaseUrl(text)).toEqual(parsed);
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
    expect(parsed).toEqual({ kind: "invalid", fault: expect.stringMatching(/\S/) });
    const fault = parsed.kind === "invalid" ? parsed.fault : "";
    if (text.length > "sqlite://".length) expect(fault).not.toContain(text);
  });
});

test("a URL that is put together again means the same, whatever the password", () => {
  const secret = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" });
  fc.assert(
    fc.property(secret, secret, fc.boolean(), fc.nat(15), (username, password, isTls, databaseNumber) => {
      const url = {
        kind: "redis",
        isTls,
        host: "h",
        port: 7000,
        databaseNumber,
        username,
        password,
      } as const;
      expect(parseDatabaseUrl(redisUrlText(url))).toEqual(url);
      expect(redisAddress(url)).toBe(`${isTls ? "rediss" : "redis"}://h:7000/${databaseNumber}`);
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
