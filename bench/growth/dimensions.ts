/** What grows, by which work its cost is measured, and what the cost is. */
import { fanOut } from "../works/fan-out.ts";
import { idleHeartbeat } from "../works/idle-heartbeat.ts";
import { lateJoiner } from "../works/late-joiner.ts";
import { tokenStreams } from "../works/token-streams.ts";
import type { Figures, Work } from "../works/work.ts";

export interface Cost {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  of(figures: Figures, size: number): number | undefined;
}

export interface Dimension {
  readonly name: string;
  readonly title: string;
  /** What a size counts. */
  readonly xTitle: string;
  readonly quickSizes: readonly number[];
  readonly fullSizes: readonly number[];
  readonly costs: readonly Cost[];
  workFor(size: number, scope: GrowthScope): Work;
}

export interface GrowthScope {
  readonly windowMs: number;
  readonly isFull: boolean;
}

const STREAM_COUNT = 200;
const LIVE = { streamCount: 20, tokensPerSec: 20 };
const MESSAGES_PER_SEC = 10;
const BEAT_COUNT = 2;

export const DIMENSIONS: readonly Dimension[] = [
  {
    name: "connections",
    title: "Connections",
    xTitle: "idle sessions, each with a channel of its own and a heartbeat",
    quickSizes: [100, 200, 400, 800],
    fullSizes: [1_250, 2_500, 5_000, 10_000],
    costs: [
      { name: "rss", title: "Resident memory", unit: "MiB", of: ({ rssMib }) => rssMib },
      {
        name: "heartbeat",
        title: "CPU of the heartbeat",
        unit: "% of a core",
        of: ({ cpuPercent }) => cpuPercent,
      },
    ],
    workFor: (connectionCount, { isFull }) =>
      idleHeartbeat({ connectionCount, pingIntervalMs: isFull ? 30_000 : 1_000, beatCount: BEAT_COUNT }),
  },
  {
    name: "subscribers",
    title: "Subscribers of one channel",
    xTitle: "subscribers",
    quickSizes: [25, 50, 100, 200],
    fullSizes: [125, 250, 500, 1_000],
    costs: [
      {
        name: "message",
        title: "CPU of one message",
        unit: "µs",
        of: ({ cpuMicrosPerRecord }, size) => cpuMicrosPerRecord && cpuMicrosPerRecord * size,
      },
    ],
    workFor: (subscriberCount, { windowMs }) =>
      fanOut("paced", { subscriberCount, messagesPerSec: MESSAGES_PER_SEC, windowMs }),
  },
  {
    name: "token-rate",
    title: "Token rate",
    xTitle: `tokens/s of each of ${STREAM_COUNT} executions`,
    quickSizes: [10, 20, 40, 80],
    fullSizes: [12.5, 25, 50, 100],
    costs: [
      {
        name: "cpu",
        title: "CPU",
        unit: "% of a core",
        of: ({ cpuMicrosPerRecord, recordsPerSec }) =>
          cpuMicrosPerRecord && recordsPerSec && (cpuMicrosPerRecord * recordsPerSec) / 1e4,
      },
      {
        name: "token",
        title: "CPU of one token",
        unit: "µs",
        of: ({ cpuMicrosPerRecord }) => cpuMicrosPerRecord,
      },
    ],
    workFor: (tokensPerSec, { windowMs }) =>
      tokenStreams("token-rate", { streamCount: STREAM_COUNT, tokensPerSec, windowMs }),
  },
  {
    name: "history",
    title: "Length of the history",
    xTitle: "tokens of the answer that is read from its start",
    quickSizes: [500, 1_000, 2_000, 4_000],
    fullSizes: [12_500, 25_000, 50_000, 100_000],
    costs: [
      { name: "catch-up", title: "Time to catch up", unit: "ms", of: ({ catchUpMs }) => catchUpMs },
      {
        name: "first-byte",
        title: "Time to the first record",
        unit: "ms",
        of: ({ firstByteMs }) => firstByteMs,
      },
    ],
    workFor: (tokenCount, { windowMs }) => lateJoiner({ ...LIVE, tokenCount, windowMs }),
  },
];

export function dimensionOf(name: string): Dimension {
  const dimension = DIMENSIONS.find((known) => known.name === name);
  if (dimension === undefined) throw new Error(`There is no growth with ${name}`);
  return dimension;
}
