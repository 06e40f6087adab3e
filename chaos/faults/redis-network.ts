import { subscriberConnections } from "../cluster/cluster.ts";
import { BLACK_HOLE } from "../proxy/connection-faults.ts";
import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { REDIS, redisMissing } from "./stores.ts";

/** By the look at the heads at the latest, on a machine that has other things to do. */
const MAX_DEAF_MS = 10_000;

export const redisPartition: FaultClass = {
  name: "redis-partition",
  title: "Redis partition from one node or all, also one-way",
  injection: "the proxy between nodes and Redis holds back everything, or one direction, for 0.1 to 3 s",
  holds: ["C1", "C2", "C3", "C4", "C5", "C11", "C14", "C15"],
  releaseRoundCount: 1_000,
  roundsPerTrial: 6,
  cluster: () => REDIS,
  obstacle: redisMissing,
  checks: { cancelChunkGraceMs: 4_000, cancelAbortMs: 4_000 },
  async round({ cluster }, dice) {
    const faults = dice.pick([BLACK_HOLE, { toServer: { isHeld: true } }, { toClient: { isHeld: true } }]);
    const links = dice.chance(0.5) ? cluster.storeLinks : [dice.pick(cluster.storeLinks)];
    for (const link of links) link.setFaults(faults);
    await lasting(dice.chance(0.7) ? dice.between(100, 800) : dice.between(800, 3_000));
  },
};

export const wakeUpDead: FaultClass = {
  name: "wake-up-dead",
  title: "Wake-up channel silently dead",
  injection: "only the connections over which nodes hear of new records are black-holed, or killed by Redis",
  holds: ["C13"],
  releaseRoundCount: 500,
  roundsPerTrial: 6,
  cluster: () => REDIS,
  obstacle: redisMissing,
  async round(trial, dice) {
    const { cluster } = trial;
    if (dice.chance(0.3)) {
      await cluster.master.command("CLIENT", "KILL", "TYPE", "pubsub");
      return;
    }
    const connections = cluster.storeLinks.flatMap(subscriberConnections);
    if (connections.length === 0) throw new Error("No node listens for new records of the others");
    for (const connection of connections) connection.faults = { toClient: { isHeld: true } };
    await trial.untilBusy(dice);
    // Found by the nodes themselves: nothing is healed before everyone has everything.
    const sinceMs = performance.now();
    await trial.caughtUp();
    const tookMs = performance.now() - sinceMs;
    if (tookMs > MAX_DEAF_MS) trial.recorder.find("wake-up", `a node was deaf for ${Math.round(tookMs)} ms`);
  },
};

export const redisSlow: FaultClass = {
  name: "redis-slow",
  title: "Redis slow",
  injection: "CLIENT PAUSE of everything, or 20 to 200 ms of delay on the way to Redis",
  holds: ["C13", "C15"],
  releaseRoundCount: 300,
  roundsPerTrial: 8,
  cluster: () => REDIS,
  obstacle: redisMissing,
  checks: { cancelChunkGraceMs: 2_000, cancelAbortMs: 2_000 },
  async round({ cluster }, dice) {
    const ms = dice.between(50, 1_000);
    if (dice.chance(0.5)) {
      await cluster.master.command("CLIENT", "PAUSE", String(ms), "ALL");
    } else {
      const delayMs = dice.between(20, 200);
      for (const link of cluster.storeLinks) link.setFaults({ toServer: { delayMs, jitterMs: delayMs } });
    }
    await lasting(ms);
  },
};
