import type { Contender } from "../contender.ts";
import { beginStreams } from "../generator/begin-streams.ts";
import { Tally } from "../generator/tally.ts";
import { joinAll, Viewer } from "../generator/viewer.ts";
import { MAX_MARK_INDEX } from "../mark.ts";
import { type FigureName, flowFaults, measureFlow, type Outcome, type Work } from "./work.ts";

export interface TokenStreamsSize {
  readonly streamCount: number;
  readonly tokensPerSec: number;
  readonly windowMs: number;
}

/** Answers of a model, one viewer each. What is counted is tokens, however many of them a frame carries. */
export function tokenStreams(
  name: string,
  size: TokenStreamsSize,
  mainFigure: FigureName = "cpuMicrosPerRecord",
): Work {
  return {
    name,
    title: `Token streams: ${size.streamCount} executions at ${size.tokensPerSec} tokens/s, one viewer each`,
    mainFigure,
    run: (contender) => run(contender, size),
  };
}

async function run(contender: Contender, size: TokenStreamsSize): Promise<Outcome> {
  const { streamCount, tokensPerSec, windowMs } = size;
  const tally = new Tally();
  const viewers = Array.from(
    { length: streamCount },
    (_, at) => new Viewer({ id: `v${at}`, dialect: contender.makeDialect(), tally }),
  );
  try {
    await joinAll(viewers, contender.port);
    // More than will be seen: the streams end with the server.
    await beginStreams(viewers, { tokenCount: MAX_MARK_INDEX, tokensPerSec });
    const countBefore = (await contender.storeCommandCount()) ?? 0;
    const countedFromMs = performance.now();
    const flow = await measureFlow(contender, tally, windowMs);
    const countAfter = await contender.storeCommandCount();
    const countedSecs = (performance.now() - countedFromMs) / 1_000;
    const storeCommandsPerStreamSec =
      countAfter === undefined ? undefined : (countAfter - countBefore) / countedSecs / streamCount;
    const figures = { ...flow, storeCommandsPerStreamSec };
    const faults = flowFaults(tally, viewers);
    const silent = viewers.filter(({ track }) => track.nextIndex === 0).length;
    if (silent > 0) faults.push(`${silent} streams never began`);
    return { figures, faults };
  } finally {
    for (const viewer of viewers) viewer.cut();
  }
}
