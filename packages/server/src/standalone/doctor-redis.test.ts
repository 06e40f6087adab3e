/** The doctor looks at real Redis servers, each with something about it. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { defaultSettings, type Settings } from "../config/settings.ts";
import { describeWithRedis } from "../stores/redis/testing/describe-with-redis.ts";
import { RedisServer, type RedisServerOptions } from "../stores/redis/testing/redis-server.ts";
import { examine, type Finding, verdictOn } from "./doctor.ts";

const servers: RedisServer[] = [];

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await RedisServer.start(options);
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.dispose()));
});

async function examined(url: string, database: Partial<Settings["database"]> = {}): Promise<Finding[]> {
  const defaults = defaultSettings();
  const settings = { ...defaults, database: { ...defaults.database, url, ...database } };
  const findings: Finding[] = [];
  for await (const finding of examine(settings)) findings.push(finding);
  return findings;
}

/** `level: text` of one check; `undefined` when it was not made. */
function said(findings: readonly Finding[], check: string): string | undefined {
  const finding = findings.find((candidate) => candidate.check === check);
  return finding === undefined ? undefined : `${finding.level}: ${finding.text}`;
}

describeWithRedis("a Redis that is looked at", () => {
  test("with a log that is written each second has no fault", async () => {
    const server = await start({ persistence: "everysec", maxMemoryBytes: 256 * 1024 * 1024 });
    const findings = await examined(server.url);
    expect(findings.filter(({ area, level }) => area === "database" && level === "problem")).toEqual([]);
    expect(said(findings, "redis_connection")).toBe(`ok: redis://127.0.0.1:${server.port} can be reached`);
    expect(said(findings, "redis_version")).toMatch(/^ok: Redis [78]\./);
    expect(said(findings, "redis_rights")).toMatch(/^ok/);
    expect(said(findings, "redis_eviction")).toMatch(/^ok/);
    expect(said(findings, "redis_memory")).toMatch(/^ok: it uses [\d.]+ \w+ of 256 MiB$/);
    expect(said(findings, "redis_persistence")).toMatch(/^ok: .*each second/);
    expect(said(findings, "redis_replication")).toMatch(/^ok: no replica/);
    expect(said(findings, "redis_latency")).toMatch(/a PING takes [\d.]+ ms .*a small script [\d.]+ ms/);
    expect(said(findings, "redis_clock")).toMatch(/^ok: .*differ by/);
    expect(await server.command("DBSIZE")).toBe(0);
  });

  test("says what its persistence loses, and whether its policy forgets", async () => {
    const [always, none] = await Promise.all([
      start({ persistence: "always" }),
      start({ evictionPolicy: "allkeys-lru", maxMemoryBytes: 2 * 1024 * 1024 }),
    ]);
    expect(said(await examined(always.url), "redis_persistence")).toMatch(/^ok: .*a crash loses nothing/);
    const findings = await examined(none.url);
    expect(said(findings, "redis_persistence")).toMatch(/^warning: it writes nothing to disk/);
    expect(said(findings, "redis_eviction")).toMatch(/^problem: .*allkeys-lru/);
    expect(verdictOn(findings).isFit).toBe(false);
  });

  test("asks for its password, wherever that is given, and never shows it", async () => {
    const password = "p@ss:word/1";
    const server = await start({ password });
    const bare = `redis://127.0.0.1:${server.port}`;
    const [inUrl, inSetting, missing, wrong] = await Promise.all([
      examined(server.url),
      examined(bare, { password }),
      examined(bare),
      examined(bare, { password: "wrong-one" }),
    ]);
    expect(said(inUrl, "redis_access")).toBe("ok: it asks for a password");
    expect(said(inSetting, "redis_access")).toBe("ok: it asks for a password");
    for (const refused of [missing, wrong]) {
      expect(said(refused, "redis_connection")).toMatch(
        /^problem: .*does not accept the user or the password/,
      );
    }
    const everything = JSON.stringify([inUrl, inSetting, missing, wrong]);
    expect(everything).not.toContain("word/1");
    expect(everything).not.toContain("word%2F1");
    expect(everything).not.toContain("wrong-one");
  });

  test("names what an ACL user may not do", async () => {
    const server = await start();
    const user = { name: "app", password: "secret-of-app" };
    const url = server.urlFor(user);
    const setUser = (...rules: string[]) =>
      server.command("ACL", "SETUSER", user.name, "reset", "on", `>${user.password}`, ...rules);
    const rights = async () => {
      const findings = await examined(url);
      return said(findings, "redis_rights") ?? said(findings, "redis_connection");
    };
    await setUser("~{tachikoma}:*", "&{tachikoma}:*", "+@all");
    expect(await rights()).toMatch(/^ok/);
    await setUser("~{tachikoma}:*", "&{tachikoma}:*", "+@all", "-xadd", "-spublish");
    expect(await rights()).toBe("problem: its user may not: XADD, SPUBLISH");
    await setUser("~other:*", "&{tachikoma}:*", "+@all");
    expect(await rights()).toBe("problem: its user may not: the keys ~{tachikoma}:*");
    await setUser("~{tachikoma}:*", "+@all");
    expect(await rights()).toBe("problem: its user may not: the channels &{tachikoma}:*");
    await setUser("~{tachikoma}:*", "&{tachikoma}:*", "+@all", "-config");
    const hidden = await examined(url);
    expect(said(hidden, "redis_rights")).toMatch(/^ok/);
    expect(said(hidden, "redis_persistence")).toMatch(/whether it makes snapshots is not known/);
    expect(JSON.stringify(hidden)).not.toContain(user.password);
  });

  test("has nothing against the ACL that docs/redis.md gives", async () => {
    const page = readFileSync(new URL("../../../../docs/redis.md", import.meta.url), "utf8");
    const [, rules = ""] = /ACL SETUSER tachikoma ([^`]+)```/.exec(page) ?? [];
    const server = await start();
    await server.command("ACL", "SETUSER", "tachikoma", ...rules.split(/\s+/).filter((rule) => rule !== ""));
    const url = server.urlFor({ name: "tachikoma", password: "PASSWORD" });
    for (const durability of ["memory", "replica"] as const) {
      const own = await examined(url, { durability });
      expect(said(own, "redis_rights")).toBe("ok: its user may do all that the store needs");
      expect(said(own, "redis_latency")).toContain("a small script");
    }
    expect(said(await examined(`${url}/2`), "redis_rights")).toBe(
      "problem: its user may not: the keys ~{tachikoma@2}:*, the channels &{tachikoma@2}:*",
    );
  });

  test("that is a replica takes no writes; one with a replica can promise more", async () => {
    const master = await start();
    const replica = await start({ replicaOfPort: master.port });
    await master.command("SET", "a", "1");
    await master.command("WAIT", "1", "5000");
    const findings = await examined(replica.url);
    const found = findings.find(({ check }) => check === "redis_replication");
    expect(found).toMatchObject({ level: "problem", text: "it is a replica and takes no writes" });
    expect(found?.advice).toContain(`127.0.0.1:${master.port}`);
    const promised = await examined(master.url, { durability: "replica" });
    expect(said(promised, "redis_replication")).toBe("ok: one replica");
    const alone = await start();
    expect(said(await examined(alone.url, { durability: "replica" }), "redis_replication")).toMatch(
      /^problem: no replica is connected/,
    );
  });

  test("that is not there, does not answer, or has no such database is said to be so", async () => {
    const server = await start();
    expect(said(await examined(`redis://127.0.0.1:${server.port}/99`), "redis_connection")).toMatch(
      /^problem: .*no database of that number/,
    );
    server.pause();
    const paused = await examined(server.url);
    server.resume();
    expect(said(paused, "redis_connection")).toMatch(/^problem: .*does not answer/);
    await server.stop();
    expect(said(await examined(server.url), "redis_connection")).toMatch(/^problem: .*nothing listens there/);
  });
});
