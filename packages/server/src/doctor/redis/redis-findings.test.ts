import { describe, expect, test } from "vitest";
import { serverFacts } from "../../stores/redis/server-check.ts";
import type { Finding, FindingLevel } from "../finding.ts";
import { parseInfo, type RedisFacts } from "./redis-facts.ts";
import { type RedisDemand, redisFindings } from "./redis-findings.ts";

const DEMAND: RedisDemand = { durability: "memory", isLoopback: false };
const GIB = 1024 ** 3;

interface Given {
  readonly info?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, string>>;
  readonly facts?: Partial<RedisFacts>;
  readonly demand?: Partial<RedisDemand>;
}

/** A Redis with which nothing is wrong, but for what is given. */
function findingOf(check: string, { info = {}, config = {}, facts = {}, demand = {} }: Given): Finding {
  const fields = {
    redis_version: "7.2.4",
    redis_mode: "standalone",
    role: "master",
    connected_slaves: "1",
    slave0: "ip=10.0.0.2,port=6379,state=online,offset=1,lag=0",
    maxmemory_policy: "noeviction",
    used_memory: String(GIB),
    maxmemory: String(4 * GIB),
    aof_enabled: "1",
    aof_last_write_status: "ok",
    rdb_last_bgsave_status: "ok",
    ...info,
  };
  const directives = { appendonly: "yes", appendfsync: "everysec", save: "3600 1", ...config };
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}:${value}`)
    .join("\r\n");
  const all: RedisFacts = {
    info: parseInfo(text),
    server: serverFacts(text, directives.appendfsync),
    config: new Map(Object.entries(directives)),
    ping: { p50Ms: 0.2, p99Ms: 1 },
    script: { p50Ms: 0.3, p99Ms: 2 },
    clockAheadMs: 3,
    deniedCommands: [],
    isOpenToAll: false,
    ...facts,
  };
  const findings = redisFindings(all, { ...DEMAND, ...demand });
  if (check === "all") return findings.find(({ level }) => level !== "ok") ?? findings[0]!;
  return findings.find((finding) => finding.check === check)!;
}

test("a good Redis has no fault", () => {
  expect(findingOf("all", {}).level).toBe("ok");
});

const without = (map: ReadonlyMap<string, string>): Partial<RedisFacts> => ({ info: map, config: map });

describe("each fault is found, and said what to do about", () => {
  test.each<[string, string, FindingLevel, Given, RegExp]>([
    ["old", "redis_version", "problem", { info: { redis_version: "6.2.14" } }, /6\.2\.14 is too old/],
    ["first", "redis_version", "ok", { info: { redis_version: "7.0.0" } }, /7\.0\.0/],
    ["last", "redis_version", "ok", { info: { redis_version: "8.4.1" } }, /8\.4\.1/],
    ["newer", "redis_version", "warning", { info: { redis_version: "9.0.0" } }, /newer than what is tested/],
    [
      "another",
      "redis_version",
      "warning",
      { info: { server_name: "valkey", valkey_version: "8.1.0" } },
      /Valkey 8\.1\.0, which speaks as Redis 7\.2\.4/,
    ],
    [
      "no WAITAOF",
      "redis_version",
      "problem",
      { info: { redis_version: "7.0.15" }, demand: { durability: "fsync" } },
      /cannot be asked to wait for its disk/,
    ],
    [
      "no WAITAOF, and no need of it",
      "redis_version",
      "ok",
      {
        info: { redis_version: "7.0.15" },
        config: { appendfsync: "always" },
        demand: { durability: "fsync" },
      },
      /7\.0\.15/,
    ],
    ["WAITAOF", "redis_version", "ok", { demand: { durability: "fsync" } }, /7\.2\.4/],
    ["unknown", "redis_version", "warning", { facts: without(new Map()) }, /not known/],
    ["cluster", "redis_mode", "warning", { info: { redis_mode: "cluster" } }, /Redis Cluster/],
    ["sentinel", "redis_mode", "problem", { info: { redis_mode: "sentinel" } }, /Sentinel/],
    ["rights", "redis_rights", "problem", { facts: { deniedCommands: ["XADD", "EVAL"] } }, /XADD, EVAL/],
    ["open", "redis_access", "warning", { facts: { isOpenToAll: true } }, /whoever reaches it/],
    [
      "open on loopback",
      "redis_access",
      "ok",
      { facts: { isOpenToAll: true }, demand: { isLoopback: true } },
      /loopback/,
    ],
    [
      "lru",
      "redis_eviction",
      "problem",
      { info: { maxmemory_policy: "allkeys-lru" } },
      /throws away records/,
    ],
    [
      "volatile",
      "redis_eviction",
      "warning",
      { info: { maxmemory_policy: "volatile-ttl" } },
      /keys that expire .* none of the server's/,
    ],
    [
      "full",
      "redis_memory",
      "problem",
      { info: { used_memory: String(3.7 * GIB) } },
      /3\.7 GiB of 4\.0 GiB.*full/,
    ],
    [
      "filling",
      "redis_memory",
      "warning",
      { info: { used_memory: String(3.1 * GIB) } },
      /3\.1 GiB of 4\.0 GiB/,
    ],
    [
      "no limit",
      "redis_memory",
      "ok",
      { info: { maxmemory: "0", total_system_memory: String(8 * GIB) } },
      /without a limit/,
    ],
    [
      "no limit, much used",
      "redis_memory",
      "warning",
      { info: { maxmemory: "0", used_memory: String(5 * GIB), total_system_memory: String(8 * GIB) } },
      /5\.0 GiB of the machine's 8\.0 GiB/,
    ],
    ["slow", "redis_latency", "warning", { facts: { script: { p50Ms: 6, p99Ms: 7 } } }, /script 6\.0 ms/],
    ["uneven", "redis_latency", "warning", { facts: { script: { p50Ms: 1, p99Ms: 70 } } }, /p99 70 ms/],
    [
      "only ping",
      "redis_latency",
      "ok",
      { facts: { script: undefined } },
      /^a PING takes 0\.2 ms \(p99 1\.0 ms\)$/,
    ],
    ["clock off", "redis_clock", "warning", { facts: { clockAheadMs: -1_400 } }, /differ by 1400 ms/],
    ["clock a little off", "redis_clock", "ok", { facts: { clockAheadMs: 1_000 } }, /1000 ms/],
  ])("%s", (_, check, level, given, text) => {
    const finding = findingOf(check, given);
    expect(finding).toMatchObject({ area: "database", level, text: expect.stringMatching(text) as string });
    expect(finding.advice === undefined).toBe(level === "ok");
  });
});

describe("persistence says what a crash loses", () => {
  const noLog = { info: { aof_enabled: "0" }, config: { appendonly: "no" } };

  test.each<[string, FindingLevel, Given, RegExp]>([
    ["always", "ok", { config: { appendfsync: "always" } }, /a crash loses nothing/],
    ["everysec", "ok", {}, /power failure loses about the last second/],
    ["no fsync", "warning", { config: { appendfsync: "no" } }, /30 seconds/],
    [
      "snapshots",
      "warning",
      { ...noLog, info: { ...noLog.info, rdb_changes_since_last_save: "1234" } },
      /save 3600 1.*everything since the last one \(1234 changes now\)/,
    ],
    ["nothing", "warning", { ...noLog, config: { ...noLog.config, save: "" } }, /writes nothing to disk/],
    ["no right to ask", "ok", { facts: { config: new Map() } }, /to the disk each second/],
    [
      "no right to ask, no log",
      "warning",
      { info: { aof_enabled: "0" }, facts: { config: new Map() } },
      /whether it makes snapshots is not known/,
    ],
    ["fsync without a log", "problem", { ...noLog, demand: { durability: "fsync" } }, /no append-only file/],
    ["disk full", "problem", { info: { aof_last_write_status: "err" } }, /cannot write its append-only file/],
    ["snapshot failed", "problem", { info: { rdb_last_bgsave_status: "err" } }, /snapshot failed/],
  ])("%s", (_, level, given, text) => {
    const finding = findingOf("redis_persistence", given);
    expect(finding).toMatchObject({ level, text: expect.stringMatching(text) as string });
  });
});

describe("replication says who else has the data", () => {
  const alone = { info: { connected_slaves: "0" } };

  test.each<[string, FindingLevel, Given, RegExp]>([
    [
      "a replica itself",
      "problem",
      { info: { role: "slave", master_host: "m", master_port: "1" } },
      /takes no writes/,
    ],
    ["alone", "ok", alone, /no node can serve/],
    [
      "alone, asked for more",
      "problem",
      { ...alone, demand: { durability: "replica" } },
      /no replica is connected/,
    ],
    ["one", "ok", {}, /^one replica: one that is promoted may lack/],
    ["one, waited for", "ok", { demand: { durability: "replica" } }, /^one replica$/],
    ["required", "ok", { config: { "min-replicas-to-write": "1" } }, /writes need 1 of them/],
    [
      "behind",
      "warning",
      {
        info: { connected_slaves: "2", slave1: "ip=10.0.0.3,port=6379,state=online,offset=1,lag=17" },
      },
      /^2 replicas, of which one is 17 s behind/,
    ],
  ])("%s", (_, level, given, text) => {
    const finding = findingOf("redis_replication", given);
    expect(finding).toMatchObject({ level, text: expect.stringMatching(text) as string });
    if (given.info?.["role"] === "slave") expect(finding.advice).toContain("m:1");
  });
});

describe("the store has the last word", () => {
  test("and takes what is fit", () => {
    expect(findingOf("redis_store", {})).toMatchObject({ level: "ok", text: "the store would take it" });
  });

  test("and is heard where nothing else was said", () => {
    expect(findingOf("redis_store", { info: { loading: "1" } })).toMatchObject({
      level: "problem",
      text: "the store would refuse it: it is still loading its data",
    });
    expect(findingOf("redis_store", { info: { maxmemory_policy: "allkeys-lru" } })).toBeUndefined();
  });
});
