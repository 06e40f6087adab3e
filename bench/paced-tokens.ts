import { setTimeout as sleep } from "node:timers/promises";
import { plainMark, timedMark } from "./mark.ts";

export interface TokenRun {
  readonly tokenCount: number;
  readonly tokensPerSec: number;
}

/** One token in so many carries its time: a real token has about as many bytes as a plain mark. */
const TIMED_EVERY = 10;

/** A model's answer: one token at a time at its own pace. Every contender gets its tokens from here, so it costs all the same. */
export async function* pacedTokens({ tokenCount, tokensPerSec }: TokenRun): AsyncGenerator<string> {
  const startMs = performance.now();
  for (let index = 0; index < tokenCount; index += 1) {
    const waitMs = startMs + (index * 1_000) / tokensPerSec - performance.now();
    // Where a timer was late, what is due comes at once, as from a network.
    if (waitMs > 0) await sleep(waitMs);
    yield index % TIMED_EVERY === 0 ? timedMark(index) : plainMark(index);
  }
}
