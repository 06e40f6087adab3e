import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { channelName, type MemorySample } from "../contenders/serve.ts";
import { MessageSource } from "../generator/message-source.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { flowFaults, isTachikoma, type Outcome, settled, timedFor, type Work } from "./work.ts";

export interface SlowReadersSize {
  readonly viewerCount: number;
  readonly windowMs: number;
}

const SLOW_SHARE = 0.1;
const MESSAGE_BYTES = 8_192;
const MESSAGES_PER_SEC = 100;
const CHANNEL = channelName(0);
const HIGH_WATER_BYTES = 256 * 1024;
/** A page is begun below the mark, and ends with a whole record. */
const MAX_UNSENT_BYTES = HIGH_WATER_BYTES + 64 * 1024 + 2 * MESSAGE_BYTES;
/** So much and so fast before each window: a socket that is not read holds some megabytes in the kernel before anything waits. */
const FILL = { speed: 4, forMs: 2_500 };
const SETTLE_MS = 500;
const LOOK_EVERY_MS = 100;
const QUIET_MS = 5_000;

/** The same traffic twice: first everyone reads, then one in ten reads nothing at all, and in the end everything at once. */
export function slowReaders(size: SlowReadersSize): Work {
  const { viewerCount } = size;
  return {
    name: "slow-readers",
    title:
      `Slow readers: ${viewerCount} viewers of one channel, ${slowCountOf(viewerCount)} of them read nothing, ` +
      `${MESSAGES_PER_SEC} messages/s of ${MESSAGE_BYTES} bytes`,
    mainFigure: "kibPerSlowReader",
    settings: { highWaterBytes: HIGH_WATER_BYTES },
    run: (contender) => run(contender, size),
  };
}

function slowCountOf(viewerCount: number): number {
  return Math.max(1, Math.round(viewerCount * SLOW_SHARE));
}

async function run(contender: Contender, { viewerCount, windowMs }: SlowReadersSize): Promise<Outcome> {
  await contender.ask({ order: "watch_sockets" });
  const others = new Tally();
  const slowTally = new Tally();
  const slowCount = slowCountOf(viewerCount);
  const viewers = Array.from({ length: viewerCount }, (_, at) => {
    const tally = at < slowCount ? slowTally : others;
    return new Viewer({ id: `s${at}`, channel: CHANNEL, dialect: contender.makeDialect(), tally });
  });
  const slow = viewers.slice(0, slowCount);
  const publisher = new Viewer({ id: "publisher", dialect: contender.makeDialect(), tally: new Tally() });
  const pace = { kind: "paced", messagesPerSec: MESSAGES_PER_SEC, burstCount: 1 } as const;
  const source = new MessageSource({ publisher, channel: CHANNEL, messageBytes: MESSAGE_BYTES, pace });
  try {
    await joinAll(viewers, contender.port);
    await publisher.join(contender.port);
    const atBegin = await contender.memory();
    await fill(source);
    const p99BeforeMs = await timedFor(others, windowMs);
    const atHalf = await contender.memory();
    for (const viewer of slow) viewer.pause();
    const watch = watchUnsent(contender);
    await fill(source);
    const p99DuringMs = await timedFor(others, windowMs);
    const unsentBytes = await watch.end();
    const atEnd = await contender.memory();
    source.end();
    for (const viewer of slow) viewer.readOn();
    const tallies = [others, slowTally];
    const isComplete = await settled(slowTally, QUIET_MS, () =>
      viewers.every(({ track }) => track.nextIndex === source.publishedCount),
    );
    const faults = tallies.flatMap((tally) => flowFaults(tally, [])).concat(flowFaults(new Tally(), viewers));
    if (!isComplete) faults.push("not every viewer has every message in the end");
    if (isTachikoma(contender.name) && unsentBytes > MAX_UNSENT_BYTES)
      faults.push(`${unsentBytes} bytes waited for one connection, more than ${MAX_UNSENT_BYTES}`);
    return {
      figures: {
        unsentKib: unsentBytes / 1024,
        kibPerSlowReader: grownBytes(atBegin, atHalf, atEnd) / slowCount / 1024,
        othersP99Ratio:
          p99BeforeMs === undefined || p99DuringMs === undefined ? undefined : p99DuringMs / p99BeforeMs,
        latencyP99Ms: p99DuringMs,
        rssMib: atEnd.rssBytes / 2 ** 20,
      },
      faults,
    };
  } finally {
    source.end();
    for (const viewer of [...viewers, publisher]) viewer.cut();
  }
}

/** Leaves the source at its usual pace. */
async function fill(source: MessageSource): Promise<void> {
  source.end();
  source.begin(FILL.speed);
  await sleep(FILL.forMs);
  source.end();
  source.begin();
  await sleep(SETTLE_MS);
}

/** What the second half took more than the first, which had the same traffic in it. */
function grownBytes(atBegin: MemorySample, atHalf: MemorySample, atEnd: MemorySample): number {
  const held = ({ heapBytes, externalBytes }: MemorySample) => heapBytes + externalBytes;
  return held(atEnd) - held(atHalf) - (held(atHalf) - held(atBegin));
}

function watchUnsent(contender: Contender): { end(): Promise<number> } {
  let mostBytes = 0;
  let isOver = false;
  const look = async () => {
    while (!isOver) {
      mostBytes = Math.max(mostBytes, await contender.ask({ order: "unsent_bytes" }));
      await sleep(LOOK_EVERY_MS);
    }
    return mostBytes;
  };
  const looking = look();
  return {
    end() {
      isOver = true;
      return looking;
    },
  };
}
