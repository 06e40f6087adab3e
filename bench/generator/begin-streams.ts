import { setTimeout as sleep } from "node:timers/promises";
import type { TokenRun } from "../paced-tokens.ts";
import type { Viewer } from "./viewer.ts";

/** The streams begin spread over this time, as people do. */
const BEGIN_WITHIN_MS = 500;

/** Each viewer asks for an answer. */
export async function beginStreams(viewers: readonly Viewer[], tokens: TokenRun): Promise<void> {
  const startMs = performance.now();
  for (const [at, viewer] of viewers.entries()) {
    const waitMs = startMs + (at / viewers.length) * BEGIN_WITHIN_MS - performance.now();
    if (waitMs >= 1) await sleep(waitMs);
    viewer.send([viewer.dialect.runText(tokens)]);
  }
}
