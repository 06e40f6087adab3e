import { LEASE_TTL_SECS } from "../cluster/cluster.ts";
import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { REDIS, redisMissing, withEitherPolicy } from "./stores.ts";

const LEASE_TTL_MS = LEASE_TTL_SECS * 1_000;

export const ownerPaused: FaultClass = {
  name: "owner-paused",
  title: "Owner paused around the time of its lease, then resumed: a zombie",
  injection: "SIGSTOP of a node for a tenth to two and a half times its lease, then SIGCONT",
  holds: ["C11", "C12"],
  releaseRoundCount: 1_000,
  roundsPerTrial: 5,
  cluster: (dice) => withEitherPolicy(REDIS, dice),
  obstacle: redisMissing,
  checks: { cancelChunkGraceMs: 3 * LEASE_TTL_MS, cancelAbortMs: 3 * LEASE_TTL_MS },
  async round(trial, dice) {
    const node = dice.pick(trial.cluster.nodes);
    node.pause();
    await lasting(dice.between(LEASE_TTL_MS / 10, LEASE_TTL_MS * 2.5));
    node.resume();
  },
};
