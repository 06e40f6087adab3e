/** Judges what was found out about a Redis, against what the settings ask of it. */
import { judgeServer, type RedisDurability } from "../../stores/redis/server-check.ts";
import { type Finding, type Judgement, ok, problem, shownBytes, warning } from "../finding.ts";
import { numberIn, type RedisFacts, versionIn } from "./redis-facts.ts";
import { judgePersistence } from "./redis-persistence.ts";
import { judgeReplication } from "./redis-replication.ts";

/** What the settings ask. */
export interface RedisDemand {
  readonly durability: RedisDurability;
  readonly isLoopback: boolean;
}

export const SUPPORTED_VERSIONS = "7.0 to 8.x";

export function redisFindings(facts: RedisFacts, demand: RedisDemand): Finding[] {
  const judgements: readonly (readonly [check: string, judgement: Judgement])[] = [
    ["redis_version", judgeVersion(facts, demand)],
    ["redis_mode", judgeMode(facts)],
    ["redis_rights", judgeRights(facts)],
    ["redis_access", judgeAccess(facts, demand)],
    ["redis_eviction", judgeEviction(facts)],
    ["redis_memory", judgeMemory(facts)],
    ["redis_persistence", judgePersistence(facts, demand.durability)],
    ["redis_replication", judgeReplication(facts, demand.durability)],
    ["redis_latency", judgeLatency(facts)],
    ["redis_clock", judgeClock(facts)],
  ];
  const findings = judgements.map(
    ([check, judgement]): Finding => ({ area: "database", check, ...judgement }),
  );
  return [...findings, ...storeFindings(facts, demand, findings)];
}

/** What the store itself would say, where nothing here has said it yet: it decides by the same facts, and has the last word. */
function storeFindings(
  { server, info }: RedisFacts,
  { durability }: RedisDemand,
  others: Finding[],
): Finding[] {
  if (info.size === 0) return [];
  const verdict = judgeServer(server, durability);
  if (verdict.isUsable) return [{ area: "database", check: "redis_store", ...ok("the store would take it") }];
  if (others.some(({ level }) => level === "problem")) return [];
  const refusal = problem(
    `the store would refuse it: it ${verdict.reason}`,
    "change that, or database.durability",
  );
  return [{ area: "database", check: "redis_store", ...refusal }];
}

function judgeVersion({ info, config }: RedisFacts, { durability }: RedisDemand): Judgement {
  const version = versionIn(info);
  if (version === undefined) {
    return warning("its version is not known: the user may not ask (INFO)", "give the user INFO");
  }
  const { major, minor, text } = version;
  if (info.get("server_name") === "valkey") {
    const own = info.get("valkey_version") ?? "of an unknown version";
    return warning(
      `Valkey ${own}, which speaks as Redis ${text}`,
      `what is tested is Redis ${SUPPORTED_VERSIONS}`,
    );
  }
  if (major < 7) return problem(`Redis ${text} is too old`, `use Redis ${SUPPORTED_VERSIONS}`);
  if (durability === "fsync" && major === 7 && minor < 2 && config.get("appendfsync") !== "always") {
    return problem(
      `Redis ${text} cannot be asked to wait for its disk, and database.durability is "fsync"`,
      "use Redis 7.2 or newer, or let it always wait (appendfsync always)",
    );
  }
  if (major > 8) {
    return warning(
      `Redis ${text} is newer than what is tested`,
      `what is tested is Redis ${SUPPORTED_VERSIONS}`,
    );
  }
  return ok(`Redis ${text} (supported: ${SUPPORTED_VERSIONS})`);
}

function judgeMode({ info }: RedisFacts): Judgement {
  switch (info.get("redis_mode")) {
    case "cluster":
      return warning(
        "it is part of a Redis Cluster: all keys have to be on this shard, and redirections are not followed",
        "use a single Redis, with replicas if you like",
      );
    case "sentinel":
      return problem(
        "it is a Sentinel, which holds no data",
        "set database.url to the master that it watches",
      );
    default:
      return ok("a single Redis, not a cluster");
  }
}

function judgeRights({ deniedCommands }: RedisFacts): Judgement {
  if (deniedCommands.length === 0) return ok("its user may do all that the store needs");
  return problem(`its user may not: ${deniedCommands.join(", ")}`, "docs/redis.md has the ACL that it needs");
}

function judgeAccess({ isOpenToAll }: RedisFacts, { isLoopback }: RedisDemand): Judgement {
  if (!isOpenToAll) return ok("it asks for a password");
  if (isLoopback) return ok("it asks for no password, and is reached on loopback");
  return warning(
    "it asks for no password: whoever reaches it reads and changes everything",
    "set requirepass, or an ACL user, and database.password_file or password_env",
  );
}

function judgeEviction({ info }: RedisFacts): Judgement {
  const policy = info.get("maxmemory_policy");
  if (policy === undefined) {
    return warning("its eviction policy is not known", "make sure that maxmemory-policy is noeviction");
  }
  if (policy === "noeviction") return ok("it forgets nothing when its memory is full (noeviction)");
  const advice = "set maxmemory-policy to noeviction: then a full Redis refuses new data, and says so";
  if (policy.startsWith("allkeys-")) {
    return problem(`with maxmemory-policy ${policy} it throws away records when its memory is full`, advice);
  }
  return warning(
    `with maxmemory-policy ${policy} it throws away keys that expire when its memory is full: none of the server's does now`,
    advice,
  );
}

const WARNING_SHARE = 0.75;
const PROBLEM_SHARE = 0.9;
/** A snapshot or a rewrite of the log may take as much again. */
const UNLIMITED_WARNING_SHARE = 0.5;

function judgeMemory({ info }: RedisFacts): Judgement {
  const usedBytes = numberIn(info, "used_memory");
  const maxBytes = numberIn(info, "maxmemory");
  if (usedBytes === undefined || maxBytes === undefined) {
    return warning(
      "its use of memory is not known",
      "watch it, and set maxmemory below what the machine has",
    );
  }
  if (maxBytes === 0) return judgeUnlimitedMemory(usedBytes, numberIn(info, "total_system_memory"));
  const text = `it uses ${shownBytes(usedBytes)} of ${shownBytes(maxBytes)}`;
  const advice = "raise maxmemory, or keep less: channels.NAME.history, sessions.ttl_secs";
  if (usedBytes > PROBLEM_SHARE * maxBytes) return problem(`${text}: it is nearly full`, advice);
  return usedBytes > WARNING_SHARE * maxBytes ? warning(text, advice) : ok(text);
}

function judgeUnlimitedMemory(usedBytes: number, systemBytes: number | undefined): Judgement {
  const ofSystem = systemBytes === undefined ? "" : ` of the machine's ${shownBytes(systemBytes)}`;
  const text = `it uses ${shownBytes(usedBytes)}${ofSystem}, without a limit`;
  if (systemBytes === undefined || usedBytes < UNLIMITED_WARNING_SHARE * systemBytes) return ok(text);
  return warning(
    text,
    "set maxmemory: the system ends a process that takes too much, without asking what it holds",
  );
}

const SLOW_P50_MS = 5;
const SLOW_P99_MS = 50;

function judgeLatency({ ping, script }: RedisFacts): Judgement {
  const shown = ({ p50Ms, p99Ms }: RedisFacts["ping"]) => `${shownMs(p50Ms)} (p99 ${shownMs(p99Ms)})`;
  const text = `a PING takes ${shown(ping)}${script === undefined ? "" : `, a small script ${shown(script)}`}`;
  const slowest = script ?? ping;
  if (slowest.p50Ms <= SLOW_P50_MS && slowest.p99Ms <= SLOW_P99_MS) return ok(text);
  return warning(
    `${text}: every record waits that long`,
    "bring server and Redis closer together; look for slow commands (SLOWLOG GET) and for a disk that it waits for",
  );
}

function shownMs(ms: number): string {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

const MAX_SKEW_MS = 1_000;

function judgeClock({ clockAheadMs }: RedisFacts): Judgement {
  if (clockAheadMs === undefined) return warning("its clock is not known", "give the user TIME");
  const skewMs = Math.abs(clockAheadMs);
  const text = `its clock and this machine's differ by ${shownMs(skewMs)}`;
  if (skewMs <= MAX_SKEW_MS) return ok(text);
  return warning(
    text,
    "let NTP set the clocks of all machines: tokens expire by the clock of each node, all else by that of Redis",
  );
}
