/** Where the trials of a fault class run. */
import { findRedisServer } from "../../packages/server/src/stores/redis/testing/redis-server.ts";
import type { Dice } from "../../sim/dice.ts";
import type { ClusterSpec } from "../cluster/cluster.ts";

/** One node, and a file that survives it. */
export const SQLITE: ClusterSpec = { store: { kind: "sqlite" } };

/** Several nodes on one Redis that keeps whatever it has answered. */
export const REDIS: ClusterSpec = { store: { kind: "redis", persistence: "always" }, nodeCount: 2 };

/** For faults that know nothing of the store: now several nodes on one Redis, now one on SQLite. */
export function anyDurableStore(dice: Dice): ClusterSpec {
  return findRedisServer() === undefined || dice.chance(0.5) ? SQLITE : REDIS;
}

/** With executions that are interrupted when their owner is lost, or run once more. */
export function withEitherPolicy(spec: ClusterSpec, dice: Dice): ClusterSpec {
  return { ...spec, onOwnerLost: dice.pick(["interrupt", "restart"] as const) };
}

export function redisMissing(): string | undefined {
  return findRedisServer() === undefined ? "redis-server is not installed" : undefined;
}
