import { setTimeout as sleep } from "node:timers/promises";
import type { Contender } from "../contender.ts";
import { channelName } from "../contenders/serve.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { cpuSecondsOf, residentBytes } from "../processor.ts";
import { flowFaults, type Outcome, type Work } from "./work.ts";

export interface IdleHeartbeatSize {
  readonly connectionCount: number;
  readonly pingIntervalMs: number;
  /** Heartbeats of each connection in the measured window. */
  readonly beatCount: number;
}

/** What is compiled and collected after the connections were made is not the heartbeat's. */
const SETTLE_MS = 1_000;

/** Sessions that do nothing but answer pings. */
export function idleHeartbeat(size: IdleHeartbeatSize): Work {
  const { connectionCount, pingIntervalMs } = size;
  return {
    name: "idle-heartbeat",
    title: `Idle heartbeat: ${connectionCount} sessions with a channel each, a ping every ${pingIntervalMs / 1_000} s`,
    mainFigure: "cpuPercent",
    settings: { pingIntervalMs },
    run: (contender) => run(contender, size),
  };
}

async function run(contender: Contender, size: IdleHeartbeatSize): Promise<Outcome> {
  const { connectionCount, pingIntervalMs, beatCount } = size;
  const tally = new Tally();
  const viewers = Array.from(
    { length: connectionCount },
    (_, at) =>
      new Viewer({ id: `h${at}`, channel: channelName(at), dialect: contender.makeDialect(), tally }),
  );
  try {
    await joinAll(viewers, contender.port);
    await contender.ask({ order: "collect_garbage" });
    await sleep(SETTLE_MS);
    const { processId } = contender;
    const cpuBefore = cpuSecondsOf(processId);
    const startMs = performance.now();
    // Whole intervals: each connection has the same number of pings in it, whenever it came.
    await sleep(pingIntervalMs * beatCount);
    const cpuSecs = cpuSecondsOf(processId) - cpuBefore;
    const cpuPercent = (cpuSecs * 100_000) / (performance.now() - startMs);
    const faults = flowFaults(tally, viewers);
    const connectedCount = await contender.ask({ order: "connection_count" });
    if (connectedCount !== connectionCount)
      faults.push(`the server has ${connectedCount} of ${connectionCount} connections`);
    return { figures: { cpuPercent, rssMib: residentBytes(processId) / 2 ** 20 }, faults };
  } finally {
    for (const viewer of viewers) viewer.cut();
  }
}
