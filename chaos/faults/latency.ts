import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore } from "./stores.ts";

export const latency: FaultClass = {
  name: "latency",
  title: "Latency with jitter, order kept",
  injection:
    "the proxy delays each piece by 5 to 200 ms, a tenth of what far networks do, like all timers here",
  holds: ["C3", "C4", "C10"],
  releaseRoundCount: 1_000,
  roundsPerTrial: 15,
  cluster: anyDurableStore,
  async round(trial, dice) {
    for (const { entry } of trial.cluster.nodes) {
      entry.setFaults({
        toServer: { delayMs: dice.between(5, 100), jitterMs: dice.between(0, 100) },
        toClient: { delayMs: dice.between(5, 100), jitterMs: dice.between(0, 100) },
      });
    }
    await lasting(dice.between(100, 500));
    await trial.caughtUp();
  },
};
