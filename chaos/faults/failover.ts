import type { FaultClass } from "./fault-class.ts";
import { redisMissing } from "./stores.ts";

const MAX_LOST_COUNT = 100;

/** What was acknowledged is lost: nobody may be left to believe that it is there. */
export const failoverLostTail: FaultClass = {
  name: "failover-lost-tail",
  title: "Failover with a lost tail",
  injection: "the link from master to replica is black-holed, the master killed, the replica promoted",
  holds: ["C1", "C6", "C11"],
  releaseRoundCount: 1_000,
  roundsPerTrial: 4,
  cluster: () => ({ store: { kind: "redis", persistence: "none", hasReplica: true }, nodeCount: 2 }),
  obstacle: redisMissing,
  mayLoseRecords: true,
  async round(trial, dice) {
    const { cluster, recorder } = trial;
    await cluster.pair!.inSync();
    cluster.pair!.cutLink();
    const lostCount = recorder.ackCount + dice.between(0, MAX_LOST_COUNT);
    await trial.until("what will be lost", () => recorder.ackCount >= lostCount);
    await cluster.failOver();
  },
};

/** Acknowledged means that a replica has it; without one nothing is acknowledged. */
export const failoverWaited: FaultClass = {
  name: "failover-waited",
  title: "Failover, acknowledged by a replica",
  injection: "the same with durability `replica`: what is written behind the black hole is not acknowledged",
  holds: ["C5", "C6"],
  releaseRoundCount: 300,
  roundsPerTrial: 4,
  cluster: () => ({
    store: { kind: "redis", persistence: "none", hasReplica: true, database: { durability: "replica" } },
    nodeCount: 2,
  }),
  obstacle: redisMissing,
  excuses: ["session-lost", "subscription-lost"],
  async round({ cluster }) {
    await cluster.pair!.inSync();
    cluster.pair!.cutLink();
    await cluster.failOver();
  },
};
