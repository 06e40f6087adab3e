import type { Sizes } from "../sizes.ts";
import { capacity } from "./capacity.ts";
import { fanOut } from "./fan-out.ts";
import { idleHeartbeat } from "./idle-heartbeat.ts";
import { idleMemory } from "./idle-memory.ts";
import { lateJoiner } from "./late-joiner.ts";
import { nodeLoss } from "./node-loss.ts";
import { resume } from "./resume.ts";
import { slowReaders } from "./slow-readers.ts";
import { tokenStreams } from "./token-streams.ts";
import { wireBytes } from "./wire-bytes.ts";
import type { Work } from "./work.ts";

const PACED_MESSAGES_PER_SEC = 10;
const BURST_MESSAGES_PER_SEC = 100;
const TOKENS_PER_SEC = 50;
/** So few and so slow that nothing waits for anything but the store. */
const LATENCY_TOKENS = { streamCount: 10, tokensPerSec: 15 };
const LOSS_MISSED_COUNT = 20;
const WIRE_TOKENS_PER_SEC = [50, 200];
/** Heartbeats in the measured window. */
const BEAT_COUNT = 2;

export function worksOf(sizes: Sizes): Work[] {
  const windowMs = sizes.seconds * 1_000;
  const subscriberCount = sizes.subscribers;
  const tokens = { tokensPerSec: TOKENS_PER_SEC, windowMs };
  return [
    fanOut("paced", { subscriberCount, messagesPerSec: PACED_MESSAGES_PER_SEC, windowMs }),
    fanOut("bursts", { subscriberCount, messagesPerSec: BURST_MESSAGES_PER_SEC, windowMs }),
    fanOut("fast", { subscriberCount, messagesPerSec: 0, windowMs }),
    tokenStreams("token-streams", { ...tokens, streamCount: sizes.streams }),
    tokenStreams("token-streams-busy", { ...tokens, streamCount: sizes.busyStreams }),
    tokenStreams("token-latency", { ...LATENCY_TOKENS, windowMs }, "latencyP50Ms"),
    capacity({ streamCount: sizes.capacityStreams, windowMs, halvingCount: sizes.halvings }),
    ...WIRE_TOKENS_PER_SEC.map((tokensPerSec) =>
      wireBytes({ tokensPerSec, tokenCount: Math.ceil(tokensPerSec * sizes.answerSecs) }),
    ),
    lateJoiner({ ...tokens, tokenCount: sizes.lateTokens, streamCount: sizes.streams }),
    slowReaders({ viewerCount: sizes.slowViewers, windowMs }),
    idleHeartbeat({
      connectionCount: sizes.idleConnections,
      pingIntervalMs: sizes.pingIntervalSecs * 1_000,
      beatCount: BEAT_COUNT,
    }),
    idleMemory({ connectionCount: sizes.connections }),
    resume({ clientCount: sizes.clients, missedCount: sizes.missed }),
    nodeLoss({ clientCount: sizes.orphans, missedCount: LOSS_MISSED_COUNT }),
  ];
}
