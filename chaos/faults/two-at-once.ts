import { ambiguousAnswer } from "./ambiguous-answer.ts";
import { cancelAnyTime } from "./cancel-any-time.ts";
import { cut } from "./cut.ts";
import { eventLoopStall } from "./event-loop-stall.ts";
import { fastReconnect } from "./fast-reconnect.ts";
import type { FaultClass } from "./fault-class.ts";
import { halfOpen } from "./half-open.ts";
import { latency } from "./latency.ts";
import { nodeKilled } from "./node-killed.ts";
import { nodesKilled } from "./nodes-killed.ts";
import { retentionTrimmed } from "./retention-trimmed.ts";
import { anyDurableStore } from "./stores.ts";
import { throttle } from "./throttle.ts";

/** Two of one group would undo each other: both want the same proxies, or the same processes. */
const GROUPS = [
  [cut, halfOpen, latency, throttle, ambiguousAnswer],
  [nodeKilled, nodesKilled, eventLoopStall],
  [fastReconnect, cancelAnyTime, retentionTrimmed],
] as const;

export const twoAtOnce: FaultClass = {
  name: "two-at-once",
  title: "Two faults at once",
  injection: "a random pair of a fault of the network, of the nodes, or of the clients",
  holds: ["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8", "C9", "C10", "C11", "C12", "C13", "C14", "C15"],
  releaseRoundCount: 1_320,
  roundsPerTrial: 10,
  cluster: anyDurableStore,
  trial: { load: { shares: { subscribe: 0, unsubscribe: 0 } } },
  ...(eventLoopStall.checks === undefined ? {} : { checks: eventLoopStall.checks }),
  async round(trial, dice) {
    const group = dice.pick(GROUPS);
    const first = dice.pick(group);
    const second = dice.pick(dice.pick(GROUPS.filter((other) => other !== group)));
    trial.recorder.note(`${first.name} and ${second.name}`);
    await Promise.all([first.round(trial, dice), second.round(trial, dice)]);
  },
};
