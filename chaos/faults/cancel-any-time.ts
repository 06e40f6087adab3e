import type { Dice } from "../../sim/dice.ts";
import type { Trial } from "../trial/trial.ts";
import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore } from "./stores.ts";

const MAX_WAIT_MS = 150;

export const cancelAnyTime: FaultClass = {
  name: "cancel-any-time",
  title: "Cancel before the first token, after the last, twice, from another client and node, during a kill",
  injection:
    "executions are cancelled at a random moment by whoever comes first; now and then a node is killed meanwhile",
  holds: ["C10", "C12"],
  releaseRoundCount: 3_000,
  roundsPerTrial: 25,
  cluster: anyDurableStore,
  async round(trial, dice) {
    const execution = cancelOne(trial, dice);
    if (dice.chance(0.1)) {
      const node = dice.pick(trial.cluster.nodes);
      await node.kill();
      await node.start();
    }
    await execution;
  },
};

async function cancelOne(trial: Trial, dice: Dice): Promise<void> {
  const { executionIds, actors } = trial;
  const [starter] = actors;
  const knownCount = executionIds.length;
  const input = {
    seed: dice.between(1, 1_000_000),
    kind: dice.pick(["plain", "deaf", "rich"] as const),
    chunkCount: dice.between(1, 40),
    maxPauseMs: dice.pick([0, 5, 20]),
  };
  starter!.execute(dice.chance(0.5) ? trial.channels[0] : undefined, input, dice);
  await trial.until("the execution to be known", () => executionIds.length > knownCount);
  await lasting(dice.between(0, MAX_WAIT_MS));
  const cancelCount = dice.between(1, 3);
  for (let count = 0; count < cancelCount; count += 1) dice.pick(actors).cancel(dice);
}
