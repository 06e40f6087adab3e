import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore, withEitherPolicy } from "./stores.ts";

export const nodeKilled: FaultClass = {
  name: "node-killed",
  title: "Server SIGKILL in mid-stream, one of the nodes",
  injection: "kill -9 of one node at a random moment of the traffic; it comes back a while later",
  holds: ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C10", "C11", "C12", "C13"],
  releaseRoundCount: 2_000,
  roundsPerTrial: 10,
  cluster: (dice) => withEitherPolicy(anyDurableStore(dice), dice),
  async round(trial, dice) {
    const { nodes } = trial.cluster;
    const node = dice.pick(nodes);
    await node.kill();
    // The others go on meanwhile; where there are none, nobody does.
    if (nodes.length > 1) await trial.untilBusy(dice);
    else await lasting(dice.between(0, 100));
    await node.start();
  },
};
