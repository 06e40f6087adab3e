import type { EndDelivery } from "./end-ledger.ts";

/** How long an answer that has ended is given to whoever may lack its end. */
export const ENDED_ANSWER_MS = 600_000;

export interface ResumeSituation {
  /** When the last answer of the chat ended; `undefined` while it runs. */
  readonly endedAtMs: number | undefined;
  readonly delivery: EndDelivery;
  readonly nowMs: number;
}

/**
 * Whether a client that asks for the last answer of its chat is given it, from its beginning. One that runs: always. One that has ended
 * only where its end may be missing: with nothing the client would show what it has as the whole answer.
 */
export function isAnswerOwed({ endedAtMs, delivery, nowMs }: ResumeSituation): boolean {
  if (endedAtMs === undefined) return true;
  if (nowMs - endedAtMs > ENDED_ANSWER_MS) return false;
  return delivery.cutCount > 0 || !delivery.isGiven;
}
