import type { RedisDurability } from "../../stores/redis/server-check.ts";
import { type Judgement, ok, problem, warning } from "../finding.ts";
import { numberIn, type RedisFacts } from "./redis-facts.ts";

const MAX_LAG_SECS = 5;

/** Who else has the data, and what it means for what the settings promise. */
export function judgeReplication({ info, config }: RedisFacts, durability: RedisDurability): Judgement {
  const role = info.get("role");
  if (role === undefined) return warning("its role is not known", "give the user INFO");
  if (role !== "master") {
    const master = `${info.get("master_host") ?? "?"}:${info.get("master_port") ?? "?"}`;
    return problem(`it is a replica and takes no writes`, `set database.url to its master (${master})`);
  }
  const replicaCount = numberIn(info, "connected_slaves") ?? 0;
  if (replicaCount === 0) return judgeAlone(durability);
  const replicas = replicaCount === 1 ? "one replica" : `${replicaCount} replicas`;
  const lagSecs = Math.max(...lagsIn(info));
  if (lagSecs > MAX_LAG_SECS) {
    return warning(
      `${replicas}, of which one is ${lagSecs} s behind: promoted now it would lose as much`,
      "look at the network and the disk between them",
    );
  }
  const minCount = Number(config.get("min-replicas-to-write") ?? 0);
  const required = minCount > 0 ? `, and writes need ${minCount} of them (min-replicas-to-write)` : "";
  const lost =
    durability === "memory" && minCount === 0
      ? ": one that is promoted may lack the last records, which their readers are told (reset)"
      : "";
  return ok(`${replicas}${required}${lost}`);
}

function judgeAlone(durability: RedisDurability): Judgement {
  if (durability === "replica") {
    return problem(
      'no replica is connected, and database.durability is "replica": every write would fail',
      "connect a replica, or set another durability",
    );
  }
  return ok("no replica: while it is away, no node can serve");
}

/** From `slave0:ip=10.0.0.2,port=6379,state=online,offset=14,lag=0`. */
function lagsIn(info: ReadonlyMap<string, string>): number[] {
  const lines = [...info].filter(([name]) => /^slave\d+$/.test(name));
  return [0, ...lines.map(([, value]) => Number(/lag=(\d+)/.exec(value)?.[1] ?? 0))];
}
