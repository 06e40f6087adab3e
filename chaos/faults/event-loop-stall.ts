import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const MAX_STALL_MS = 2_000;

export const eventLoopStall: FaultClass = {
  name: "event-loop-stall",
  title: "Stall of a node's event loop, 50 ms to 2 s",
  injection: "a busy loop in the process of the node",
  holds: ["C11", "C12", "C13"],
  releaseRoundCount: 500,
  roundsPerTrial: 8,
  cluster: anyDurableStore,
  // What was to be done within a second may wait behind the loop.
  checks: { cancelChunkGraceMs: 250 + MAX_STALL_MS, cancelAbortMs: 1_000 + MAX_STALL_MS },
  async round(trial, dice) {
    const ms = dice.chance(0.7) ? dice.between(50, 500) : dice.between(500, MAX_STALL_MS);
    await dice.pick(trial.cluster.nodes).tell({ kind: "stall", ms });
  },
};
