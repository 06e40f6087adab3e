import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore } from "./stores.ts";

const KIBIBYTE = 1_024;

export const throttle: FaultClass = {
  name: "throttle",
  title: "Throttle to 1 to 64 KiB/s, or slices down to one byte",
  injection: "the proxy writes slowly, or byte by byte",
  holds: ["C3", "C14"],
  releaseRoundCount: 500,
  roundsPerTrial: 10,
  cluster: anyDurableStore,
  async round(trial, dice) {
    const faults = dice.chance(0.5)
      ? { bytesPerSec: dice.between(1, 64) * KIBIBYTE }
      : { maxSliceBytes: dice.pick([1, 2, 7, 100]) };
    for (const { entry } of trial.cluster.nodes) entry.setFaults({ toServer: faults, toClient: faults });
    await lasting(dice.between(200, 800));
  },
};
