import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore } from "./stores.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const YEAR_MS = 365 * DAY_MS;
const JUMPS_MS = [HOUR_MS, DAY_MS, 10 * YEAR_MS].flatMap((ms) => [ms, -ms]);

export const clockJump: FaultClass = {
  name: "clock-jump",
  title: "Clock jump of an hour, a day or ten years, forwards or back, on a node",
  injection: "the wall clock of the node's process is set off; the monotonic one goes on",
  holds: ["C3", "C11"],
  releaseRoundCount: 300,
  roundsPerTrial: 6,
  cluster: anyDurableStore,
  // Ages and times to live go by the wall clock: what has outlived its time by it is gone, sessions too.
  mayLoseRecords: true,
  async round(trial, dice) {
    const node = dice.pick(trial.cluster.nodes);
    await node.tell({ kind: "clock", offsetMs: dice.pick(JUMPS_MS) });
    await trial.untilBusy(dice);
    await lasting(dice.between(0, 200));
    await node.tell({ kind: "clock", offsetMs: 0 });
  },
};
