/** All fault classes, in the order of the plan. */
import { ambiguousAnswer } from "./ambiguous-answer.ts";
import { cancelAnyTime } from "./cancel-any-time.ts";
import { clientKilled } from "./client-killed.ts";
import { clockJump } from "./clock-jump.ts";
import { cut } from "./cut.ts";
import { diskFull } from "./disk-full.ts";
import { eventLoopStall } from "./event-loop-stall.ts";
import { failoverLostTail, failoverWaited } from "./failover.ts";
import { fastReconnect } from "./fast-reconnect.ts";
import type { FaultClass } from "./fault-class.ts";
import { halfOpen } from "./half-open.ts";
import { latency } from "./latency.ts";
import { memoryPressure } from "./memory-pressure.ts";
import { nodeHop } from "./node-hop.ts";
import { nodeKilled } from "./node-killed.ts";
import { nodesKilled } from "./nodes-killed.ts";
import { ownerPaused } from "./owner-paused.ts";
import { permissionLost } from "./permission-lost.ts";
import { redisFull } from "./redis-full.ts";
import { redisPartition, redisSlow, wakeUpDead } from "./redis-network.ts";
import { redisRestarts } from "./redis-restart.ts";
import { repeatedResume } from "./repeated-resume.ts";
import { retentionTrimmed } from "./retention-trimmed.ts";
import { rollingRestart } from "./rolling-restart.ts";
import { slowConsumers } from "./slow-consumers.ts";
import { throttle } from "./throttle.ts";
import { thunderingHerd } from "./thundering-herd.ts";
import { twoAtOnce } from "./two-at-once.ts";
import { upstreamBroken } from "./upstream-broken.ts";

export const FAULT_CLASSES: readonly FaultClass[] = [
  clientKilled,
  cut,
  halfOpen,
  latency,
  throttle,
  fastReconnect,
  repeatedResume,
  nodeHop,
  nodeKilled,
  nodesKilled,
  rollingRestart,
  ownerPaused,
  eventLoopStall,
  ...redisRestarts,
  failoverLostTail,
  failoverWaited,
  redisPartition,
  ambiguousAnswer,
  wakeUpDead,
  redisSlow,
  redisFull,
  diskFull,
  clockJump,
  memoryPressure,
  thunderingHerd,
  slowConsumers,
  retentionTrimmed,
  permissionLost,
  upstreamBroken,
  cancelAnyTime,
  twoAtOnce,
];
