/** All fault classes, in the order of the plan. */
import { ambiguousAnswer } from "./ambiguous-answer.ts";
import { cut } from "./cut.ts";
import { eventLoopStall } from "./event-loop-stall.ts";
import { fastReconnect } from "./fast-reconnect.ts";
import type { FaultClass } from "./fault-class.ts";
import { halfOpen } from "./half-open.ts";
import { latency } from "./latency.ts";
import { nodeKilled } from "./node-killed.ts";
import { nodesKilled } from "./nodes-killed.ts";
import { repeatedResume } from "./repeated-resume.ts";
import { rollingRestart } from "./rolling-restart.ts";
import { throttle } from "./throttle.ts";

export const FAULT_CLASSES: readonly FaultClass[] = [
  cut,
  halfOpen,
  latency,
  throttle,
  fastReconnect,
  repeatedResume,
  nodeKilled,
  nodesKilled,
  rollingRestart,
  eventLoopStall,
  ambiguousAnswer,
];
