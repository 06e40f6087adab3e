import { setTimeout as sleep } from "node:timers/promises";
import { plainMark, sharedNowMicros, timedMark } from "./mark.ts";
import { wordToken } from "./words.ts";

export interface TokenRun {
  readonly tokenCount: number;
  readonly tokensPerSec: number;
  /** Marks, which are counted and timed, or the words of a model. @default "marks" */
  readonly text?: "marks" | "words";
  /**
   * What a mark's time is: when the token was made, or when it was due. The latter counts also what a busy server keeps its own model
   * waiting. @default "made"
   */
  readonly timedWhen?: "made" | "due";
  /**
   * Tokens that are due within so long come together, as out of one read of a socket: faster than this no network brings them, and
   * timers would be most of what is measured. @default 0
   */
  readonly pieceMs?: number;
}

/** One token in so many carries its time: a real token has about as many bytes as a plain mark. */
const TIMED_EVERY = 10;

/** A model's answer: one token at a time at its own pace. Every contender gets its tokens from here, so it costs all the same. */
export async function* pacedTokens(run: TokenRun): AsyncGenerator<string> {
  const startMs = performance.now();
  const startMicros = sharedNowMicros();
  for (let index = 0; index < run.tokenCount; index += 1) {
    const dueMs = dueMsOf(index, run);
    const waitMs = startMs + dueMs - performance.now();
    // Where a timer was late, what is due comes at once, as from a network.
    if (waitMs > 0) await sleep(waitMs);
    yield run.text === "words"
      ? wordToken(index)
      : markOf(index, run, startMicros + Math.round(dueMs * 1_000));
  }
}

/** After the start of its stream. */
export function dueMsOf(index: number, { tokensPerSec, pieceMs = 0 }: TokenRun): number {
  const dueMs = (index * 1_000) / tokensPerSec;
  return pieceMs === 0 ? dueMs : Math.ceil(dueMs / pieceMs) * pieceMs;
}

function markOf(index: number, { timedWhen }: TokenRun, dueMicros: number): string {
  if (index % TIMED_EVERY !== 0) return plainMark(index);
  return timedMark(index, timedWhen === "due" ? dueMicros : sharedNowMicros());
}
