import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore, withEitherPolicy } from "./stores.ts";

export const nodesKilled: FaultClass = {
  name: "nodes-killed",
  title: "All nodes SIGKILL, then started again",
  injection: "kill -9 of every node at once",
  holds: ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C12"],
  releaseRoundCount: 300,
  roundsPerTrial: 5,
  cluster: (dice) => withEitherPolicy(anyDurableStore(dice), dice),
  async round({ cluster }, dice) {
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    await lasting(dice.between(0, 200));
    await Promise.all(cluster.nodes.map((node) => node.start()));
  },
};
