import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { type Outcome, openWindow, settled, type Work } from "./work.ts";

export interface NodeLossSize {
  readonly clientCount: number;
  readonly missedCount: number;
}

const PAD_CHARS = 89;
const QUIET_MS = 5_000;
/** As our own client: full jitter, doubling, from half a second. */
const BACK_OFF = { firstMs: 500, maxMs: 8_000, tryCount: 8 };

/**
 * Two nodes on one store, half of the clients on each. One node is killed and every client is cut; all come back to the node that
 * is left, each after a pause of its own, and want what was published meanwhile.
 */
export function nodeLoss(size: NodeLossSize): Work {
  const { clientCount, missedCount } = size;
  return {
    name: "node-loss",
    title: `Node loss: ${clientCount} clients on two nodes cut at once, one node killed, ${missedCount} missed records each`,
    mainFigure: "catchUpMs",
    isFor: (contender) => contender === "tachikoma-redis",
    run: (contender) => run(contender, size),
  };
}

async function run(survivor: Contender, { clientCount, missedCount }: NodeLossSize): Promise<Outcome> {
  const tally = new Tally();
  const clients = Array.from(
    { length: clientCount },
    (_, at) => new Viewer({ id: `n${at}`, channel: channelName(at), dialect: survivor.makeDialect(), tally }),
  );
  const half = Math.ceil(clientCount / 2);
  const order = { order: "publish_each", channelCount: clientCount, padChars: PAD_CHARS } as const;
  const victim = await survivor.twin();
  try {
    await joinAll(clients.slice(0, half), victim.port);
    await joinAll(clients.slice(half), survivor.port);
    await survivor.ask({ ...order, firstIndex: 0, messageCount: 1 });
    const hasBegun = await settled(tally, QUIET_MS, () => tally.deliveredCount === clientCount);
    await victim.kill();
    for (const client of clients) client.cut();
    await survivor.ask({ ...order, firstIndex: 1, messageCount: missedCount });
    await survivor.ask({ order: "watch_loop" });
    const window = openWindow(survivor, tally);
    const startMs = performance.now();
    const expectedCount = clientCount * (1 + missedCount);
    const tries = await Promise.all(clients.map((client) => comeBack(client, survivor.port)));
    await settled(tally, QUIET_MS, () => tally.deliveredCount >= expectedCount);
    const figures = window.close();
    const loopDelayP99Ms = await survivor.ask({ order: "loop_delay_p99_ms" });
    const lostCount = expectedCount - tally.deliveredCount;
    const leftOut = tries.filter((tryCount) => tryCount === undefined).length;
    return {
      figures: {
        catchUpMs: tally.lastDeliveryMs - startMs,
        loopDelayP99Ms,
        rssMib: figures.rssMib,
        lostCount,
        duplicateCount: tally.duplicateCount,
      },
      faults: [
        ...(hasBegun ? [] : ["not every client had its first record before the cut"]),
        ...(leftOut === 0 ? [] : [`${leftOut} clients were refused again and again`]),
        ...(lostCount === 0 ? [] : [`${lostCount} records lost`]),
        ...(tally.duplicateCount === 0 ? [] : [`${tally.duplicateCount} records delivered twice`]),
        ...(tally.discontinuityCount === 0 ? [] : [`${tally.discontinuityCount} jumps in the positions`]),
      ],
    };
  } finally {
    for (const client of clients) client.cut();
    await victim.stop();
  }
}

/** How many tries it took; `undefined` when none was let in. */
async function comeBack(client: Viewer, port: number): Promise<number | undefined> {
  for (let tryCount = 1; tryCount <= BACK_OFF.tryCount; tryCount += 1) {
    await sleep(Math.random() * Math.min(BACK_OFF.maxMs, BACK_OFF.firstMs * 2 ** (tryCount - 1)));
    try {
      await client.rejoin(port);
      return tryCount;
    } catch {
      client.cut();
    }
  }
  return undefined;
}
