/** Where the trials of a fault class run. */
import type { Dice } from "../../sim/dice.ts";
import type { ClusterSpec } from "../cluster/cluster.ts";

/** One node, and a file that survives it. */
export const SQLITE: ClusterSpec = { store: { kind: "sqlite" } };

/** Several nodes on one Redis that keeps whatever it has answered. */
export function redisCluster(nodeCount: number): ClusterSpec {
  return { store: { kind: "redis", persistence: "always" }, nodeCount };
}

/** For faults that know nothing of the store: now this one, now that. */
export function anyDurableStore(_dice: Dice): ClusterSpec {
  return SQLITE;
}
