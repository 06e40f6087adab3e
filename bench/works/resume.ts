import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { type Outcome, openWindow, settled, type Work } from "./work.ts";

export interface ResumeSize {
  readonly clientCount: number;
  readonly missedCount: number;
}

const PAD_CHARS = 89;
/** After so long without a delivery nothing more is expected. */
const QUIET_MS = 1_500;
const MAX_NOTICE_MS = 10_000;
/** Coming back may take minutes where the records of all clients are searched for each. */
const DEADLINE_MS = 1_800_000;
/** So many records are published at a time: no single answer of the server takes long. */
const MAX_SLICE_RECORDS = 50_000;

/** All clients are cut at once, records go to the channel of each while they are away, and they all come back at once. */
export function resume(size: ResumeSize): Work {
  const { clientCount, missedCount } = size;
  return {
    name: "resume",
    title: `Resume: ${clientCount} clients cut at once, ${missedCount} missed records each`,
    mainFigure: "catchUpMs",
    run: (contender) => run(contender, size),
  };
}

async function run(contender: Contender, { clientCount, missedCount }: ResumeSize): Promise<Outcome> {
  const tally = new Tally();
  const clients = Array.from(
    { length: clientCount },
    (_, at) =>
      new Viewer({
        id: `r${at}`,
        channel: channelName(at),
        dialect: contender.makeDialect(),
        tally,
        deadlineMs: DEADLINE_MS,
      }),
  );
  try {
    await joinAll(clients, contender.port);
    await publishEach(contender, { channelCount: clientCount, firstIndex: 0, messageCount: 1 });
    const hasBegun = await settled(tally, QUIET_MS, () => tally.deliveredCount === clientCount);
    for (const client of clients) client.cut();
    await noticed(contender);
    await publishEach(contender, { channelCount: clientCount, firstIndex: 1, messageCount: missedCount });

    const window = openWindow(contender, tally);
    const startMs = performance.now();
    const expectedCount = clientCount * (1 + missedCount);
    await Promise.all(clients.map((client) => client.rejoin(contender.port)));
    await settled(tally, QUIET_MS, () => tally.deliveredCount >= expectedCount);
    const figures = window.close();
    const lostCount = expectedCount - tally.deliveredCount;
    const isComplete = lostCount === 0;
    return {
      figures: {
        ...(isComplete
          ? { ...figures, catchUpMs: tally.lastDeliveryMs - startMs }
          : { rssMib: figures.rssMib }),
        recordsPerSec: undefined,
        generatorShare: undefined,
        lostCount,
        duplicateCount: tally.duplicateCount,
      },
      faults: [
        ...(hasBegun ? [] : ["not every client had its first record before the cut"]),
        ...(isComplete || !clients[0]?.dialect.canResume ? [] : [`${lostCount} records lost`]),
        ...(tally.duplicateCount === 0 ? [] : [`${tally.duplicateCount} records delivered twice`]),
        ...(tally.discontinuityCount === 0 ? [] : [`${tally.discontinuityCount} jumps in the positions`]),
      ],
    };
  } finally {
    for (const client of clients) client.cut();
  }
}

interface EachChannel {
  readonly channelCount: number;
  readonly firstIndex: number;
  readonly messageCount: number;
}

async function publishEach(contender: Contender, each: EachChannel): Promise<void> {
  const { channelCount, firstIndex, messageCount } = each;
  const sliceCount = Math.max(1, Math.floor(MAX_SLICE_RECORDS / channelCount));
  const end = firstIndex + messageCount;
  for (let index = firstIndex; index < end; index += sliceCount) {
    const slice = { firstIndex: index, messageCount: Math.min(sliceCount, end - index) };
    await contender.ask({ order: "publish_each", channelCount, padChars: PAD_CHARS, ...slice });
  }
}

async function noticed(contender: Contender): Promise<void> {
  const deadlineMs = performance.now() + MAX_NOTICE_MS;
  for (;;) {
    const count = await contender.ask({ order: "connection_count" });
    if (count === 0) return;
    if (performance.now() > deadlineMs) throw new Error(`The server still counts ${count} connections`);
    await sleep(20);
  }
}
