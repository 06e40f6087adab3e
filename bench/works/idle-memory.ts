import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { residentBytes } from "../processor.ts";
import { flowFaults, type Outcome, type Work } from "./work.ts";

export interface IdleMemorySize {
  readonly connectionCount: number;
}

/** Enough for the code to be compiled and the heap to have its first size before the count begins. */
const WARM_UP_CONNECTIONS = 100;
const SETTLE_MS = 500;

export function idleMemory({ connectionCount }: IdleMemorySize): Work {
  return {
    name: "idle-memory",
    title: `Idle memory: ${connectionCount} connections, each with a channel of its own`,
    mainFigure: "kibPerSession",
    run: (contender) => run(contender, connectionCount),
  };
}

async function run(contender: Contender, connectionCount: number): Promise<Outcome> {
  const tally = new Tally();
  const viewers = Array.from(
    { length: WARM_UP_CONNECTIONS + connectionCount },
    (_, at) =>
      new Viewer({ id: `i${at}`, channel: channelName(at), dialect: contender.makeDialect(), tally }),
  );
  try {
    // They stay: memory that they would give back would hide what the others take.
    await joinAll(viewers.slice(0, WARM_UP_CONNECTIONS), contender.port);
    const bytesBefore = await settledBytes(contender);
    await joinAll(viewers.slice(WARM_UP_CONNECTIONS), contender.port);
    const bytesAfter = await settledBytes(contender);
    return {
      figures: {
        kibPerSession: (bytesAfter - bytesBefore) / connectionCount / 1024,
        rssMib: bytesAfter / 2 ** 20,
      },
      faults: flowFaults(tally, viewers),
    };
  } finally {
    for (const viewer of viewers) viewer.cut();
  }
}

async function settledBytes(contender: Contender): Promise<number> {
  await contender.ask({ order: "collect_garbage" });
  await sleep(SETTLE_MS);
  return residentBytes(contender.processId);
}
