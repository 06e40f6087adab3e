import { describe, expect, test } from "vitest";
import { type DatabaseSettings, databaseTarget, durabilityInForce } from "./database-target.ts";

const REDIS = { url: "redis://h", keyPrefix: "tachikoma" };

describe("databaseTarget", () => {
  test("knows what each store can promise, and its default", () => {
    expect(databaseTarget({ url: "sqlite://x.db", keyPrefix: "t" })).toEqual({
      kind: "sqlite",
      path: "x.db",
      durability: "power-loss",
    });
    expect(databaseTarget({ ...REDIS, durability: "fsync" })).toMatchObject({
      kind: "redis",
      address: { host: "h", port: 6379, database: 0 },
      keyPrefix: "tachikoma",
      durability: "fsync",
    });
    expect(durabilityInForce(REDIS)).toEqual({ durability: "memory" });
    expect(durabilityInForce({ url: "memory://", keyPrefix: "t", durability: "power-loss" })).toEqual({});
  });

  test.each<[Partial<DatabaseSettings>, string, string]>([
    [
      { url: "sqlite://x.db", durability: "fsync" },
      "durability",
      '"fsync" is none of SQLite\'s: "power-loss", "process-crash"',
    ],
    [
      { durability: "power-loss" },
      "durability",
      '"power-loss" is none of Redis\'s: "memory", "replica", "fsync"',
    ],
    [
      { url: "redis://:secret@h", password: "secret" },
      "password",
      "database.url holds a password too: give one of them",
    ],
    [{ url: "redis://" }, "url", expect.stringContaining("redis://HOST") as string],
  ])("%j contradicts itself", (settings, key, message) => {
    expect(databaseTarget({ ...REDIS, ...settings })).toEqual({ kind: "fault", key, message });
  });

  test("the password joins the address of whoever connects, and stays out of what is shown of it", () => {
    expect(databaseTarget({ ...REDIS, url: "rediss://user@h:1/2", password: "p@ss/w" })).toMatchObject({
      address: { username: "user", password: "p@ss/w", label: "rediss://h:1/2" },
    });
  });
});
