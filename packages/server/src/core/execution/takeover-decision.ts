/** What a node does with an execution whose owner is gone: run it anew, leave it to another node for a while, or end it. */
import type { Run } from "./lease-body.ts";

/** The first one included. What kills its server twice is not tried a third time. */
export const MAX_ATTEMPTS = 2;

/**
 * Nobody waits for an answer that was asked for so long ago. It is also well within the time for which idempotency keys are
 * remembered, and those are what makes taking over safe to repeat.
 */
export const MAX_RESTART_AGE_MS = 12 * 3_600_000;

/** An execution whose lease has run out, as the node sees it that has found it. */
export interface OrphanState {
  readonly nowMs: number;
  /** Of the attempt that was lost; `undefined` where running it anew was not asked for. */
  readonly run: Pick<Run, "attempt" | "startedAtMs"> | undefined;
  /** When its lease ran out. */
  readonly expiredAtMs: number;
  /** Why this node cannot run it; `undefined` when it can. */
  readonly refusal: string | undefined;
  /** How long what this node cannot run is left to the others; 0 where there are none. */
  readonly leaveToOthersMs: number;
}

export type TakeoverDecision =
  | { readonly kind: "restart"; readonly attempt: number }
  | { readonly kind: "leave" }
  | { readonly kind: "interrupt"; readonly why: string };

export function decideTakeover(orphan: OrphanState): TakeoverDecision {
  const { nowMs, run, expiredAtMs, refusal, leaveToOthersMs } = orphan;
  if (run === undefined) return { kind: "interrupt", why: "it is not to be run anew" };
  if (nowMs - run.startedAtMs > MAX_RESTART_AGE_MS) return { kind: "interrupt", why: "it is too old" };
  // Who took the lease for the last attempt may have died before it began. Whether it did is told by the append of its record.
  if (refusal === undefined) return { kind: "restart", attempt: Math.min(run.attempt + 1, MAX_ATTEMPTS) };
  if (leaveToOthersMs > 0 && nowMs - expiredAtMs < leaveToOthersMs) return { kind: "leave" };
  return { kind: "interrupt", why: refusal };
}
