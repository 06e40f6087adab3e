/**
 * Whether a request to a model endpoint is tried again, and when. Only what has not shown anything yet may be repeated:
 * two answers must never be spliced into one.
 */
import type { UpstreamFault } from "./upstream-fault.ts";

export interface RetryPolicy {
  /** Requests in all, the first included. @default 3 */
  readonly maxAttempts: number;
  /** The first wait lies between nothing and this, the second between nothing and twice this. @default 500 */
  readonly baseWaitMs: number;
  /** @default 8_000 */
  readonly maxWaitMs: number;
  /** All waits of an execution together. @default 20_000 */
  readonly maxTotalWaitMs: number;
}

export const RETRY_POLICY: RetryPolicy = {
  maxAttempts: 3,
  baseWaitMs: 500,
  maxWaitMs: 8_000,
  maxTotalWaitMs: 20_000,
};

export interface Attempt {
  /** 1 for the first request. */
  readonly number: number;
  /** Waits so far. */
  readonly waitedMs: number;
  /** A piece of the answer has left the backend. */
  readonly hasOutput: boolean;
  readonly policy: RetryPolicy;
}

export type RetryDecision =
  | { readonly kind: "retry"; readonly waitMs: number }
  | { readonly kind: "give-up" };

const GIVE_UP: RetryDecision = { kind: "give-up" };

/** `fraction` is a random number in [0, 1). */
export function decideRetry(
  attempt: Attempt,
  fault: UpstreamFault,
  nowMs: number,
  fraction: number,
): RetryDecision {
  const { policy } = attempt;
  if (attempt.hasOutput || attempt.number >= policy.maxAttempts || !canPass(fault)) return GIVE_UP;
  const spreadMs = fraction * Math.min(policy.maxWaitMs, policy.baseWaitMs * 2 ** (attempt.number - 1));
  const askedMs = Math.max(0, (retryAtMs(fault) ?? nowMs) - nowMs);
  const waitMs = Math.ceil(askedMs + spreadMs);
  return attempt.waitedMs + waitMs <= policy.maxTotalWaitMs ? { kind: "retry", waitMs } : GIVE_UP;
}

/** Whether the same request can succeed a moment later. */
function canPass(fault: UpstreamFault): boolean {
  switch (fault.kind) {
    case "refused":
    case "failed":
    case "cut":
      return true;
    case "rate-limited":
      return fault.isQuotaExhausted !== true;
    // A timeout could pass too, but whoever waits has waited long enough to be told.
    case "timeout":
    case "unauthorized":
    case "rejected":
    case "invalid":
      return false;
  }
}

function retryAtMs(fault: UpstreamFault): number | undefined {
  return fault.kind === "rate-limited" || fault.kind === "failed" ? fault.retryAtMs : undefined;
}

/** The time that `retry-after-ms` or `retry-after` (seconds or a date) names, in milliseconds since 1970. */
export function retryAtFromHeaders(headers: Headers, nowMs: number): number | undefined {
  const delayMs = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (delayMs >= 0) return nowMs + delayMs;
  const retryAfter = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(retryAfter)) return nowMs + Number(retryAfter) * 1000;
  // Every form of an HTTP date but one long dead ends like this; left to itself, Date.parse takes almost anything for a date.
  const dateMs = retryAfter.endsWith("GMT") ? Date.parse(retryAfter) : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : dateMs;
}
