import { Gate } from "../workload/gate.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const CHANNEL = "small:1";
/** The channel keeps 12; a store may keep a few more than it has to. */
const MISSED_COUNT = 300;

export const retentionTrimmed: FaultClass = {
  name: "retention-trimmed",
  title: "Retention trimmed during an absence",
  injection: "a client is kept out while more is published than its channel keeps",
  holds: ["C6"],
  releaseRoundCount: 1_000,
  roundsPerTrial: 10,
  cluster: anyDurableStore,
  trial: { load: { shares: { subscribe: 0, unsubscribe: 0 } } },
  async round(trial, dice) {
    const { recorder } = trial;
    const away = dice.pick(trial.actors);
    const [other] = trial.actors.filter((actor) => actor !== away);
    const gate = await Gate.open(trial, away.name);
    try {
      away.subscribe(CHANNEL);
      await trial.until("the subscription", () => away.standings().has(CHANNEL));
      await trial.caughtUp();
      gate.shut();
      const missedSeq = headSeq() + MISSED_COUNT;
      for (let count = 0; count < MISSED_COUNT; count += 1) other!.publish(CHANNEL, dice.random.id(16));
      await trial.until("what it misses", () => headSeq() >= missedSeq);
      const resetCount = countResets();
      gate.letIn();
      await trial.until("the reset", () => countResets() > resetCount);
    } finally {
      await gate.remove();
    }

    function headSeq(): number {
      return recorder.ackedHeads.get(`default/${CHANNEL}`)?.seq ?? 0;
    }

    function countResets(): number {
      return recorder.history.filter(
        (record) => record.kind === "reset" && record.session === away.name && record.reason === "trimmed",
      ).length;
    }
  },
};
