import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

export const thunderingHerd: FaultClass = {
  name: "thundering-herd",
  title: "Thundering herd: every client of a node comes at once",
  injection: "kill -9 of a node with 60 clients that all go on where they were",
  holds: ["C3", "C4", "C5", "C13"],
  releaseRoundCount: 50,
  roundsPerTrial: 3,
  cluster: anyDurableStore,
  trial: {
    libraryClientCount: 48,
    plainClientCount: 12,
    load: { pauseMs: 10, shares: { subscribe: 0, unsubscribe: 0 } },
  },
  async round({ cluster }, dice) {
    const node = dice.pick(cluster.nodes);
    await node.kill();
    await node.start();
  },
};
