import { TachikomaError } from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import { MAX_ATTEMPTS } from "./takeover-decision.ts";

export interface ExecutionLimits {
  /** On this node. */
  readonly maxRunning: number;
  readonly maxPerChannel: number;
  /** Started by one session and still running. */
  readonly maxPerSession: number;
  readonly maxWaitingInputs: number;
  /** How long chunks that keep coming wait for each other at most, on a quiet node. */
  readonly maxCollectMs: number;
  readonly maxDurationMs: number;
  /** Where a handler has a bound of its own. */
  readonly maxDurationMsByHandler?: ReadonlyMap<string, number> | undefined;
}

/** Taking over what lost its owner at the very end takes no longer. */
const TAKEOVER_MS = 3_600_000;

/** From the start of an execution to its end at most, all attempts together. */
export function longestExecutionMs({ maxDurationMs, maxDurationMsByHandler }: ExecutionLimits): number {
  const longestMs = Math.max(maxDurationMs, ...(maxDurationMsByHandler?.values() ?? []));
  return MAX_ATTEMPTS * longestMs + TAKEOVER_MS;
}

/** What an execution takes, or would. */
export interface ExecutionPlace {
  readonly key: LogKey;
  readonly sessionId: string | undefined;
}

/** Why one more cannot run besides those that do; `undefined` when it can. */
export function limitFault(
  limits: ExecutionLimits,
  taken: Iterable<ExecutionPlace>,
  { key, sessionId }: ExecutionPlace,
): TachikomaError | undefined {
  const { maxRunning, maxPerChannel, maxPerSession } = limits;
  let runningCount = 0;
  let inChannelCount = 0;
  let ofSessionCount = 0;
  for (const place of taken) {
    runningCount += 1;
    if (place.key.tenant === key.tenant && place.key.channel === key.channel) inChannelCount += 1;
    if (sessionId !== undefined && place.sessionId === sessionId) ofSessionCount += 1;
  }
  if (runningCount >= maxRunning) return tooMany("the server", maxRunning);
  if (inChannelCount >= maxPerChannel) return tooMany(`channel ${key.channel}`, maxPerChannel);
  if (ofSessionCount >= maxPerSession) return tooMany("the session", maxPerSession);
  return undefined;
}

function tooMany(owner: string, limit: number): TachikomaError {
  return new TachikomaError("TOO_MANY_EXECUTIONS", `${limit} executions are running, the limit of ${owner}`);
}
