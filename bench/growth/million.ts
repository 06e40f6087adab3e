/** A million connections on paper: what the fitted lines say of them, under assumptions that are named. */
import type { LinearFit } from "./fit.ts";

export interface MillionInput {
  /** Resident memory in MiB, by sessions. */
  readonly memory: LinearFit;
  /** CPU of the heartbeat in percent of a core, by sessions. */
  readonly heartbeat: LinearFit;
  /** CPU of one token with one viewer, at the highest rate that was measured. */
  readonly tokenMicros: number;
  /** On the wire; `undefined` where it was not measured. */
  readonly bytesPerToken: number | undefined;
}

export const ASSUMPTIONS = {
  sessionCount: 1_000_000,
  /** Of the sessions, at any moment. */
  streamingShare: 0.01,
  tokensPerSec: 50,
  /** What one process may use, to have room for storms and collections. */
  maxCoreShare: 0.5,
  maxProcessGib: 2,
} as const;

export interface MillionResult {
  readonly processCount: number;
  readonly sessionsPerProcess: number;
  readonly memoryGib: number;
  readonly heartbeatCores: number;
  readonly tokenCores: number;
  readonly wireMibPerSec: number | undefined;
}

export function millionOnPaper({
  memory,
  heartbeat,
  tokenMicros,
  bytesPerToken,
}: MillionInput): MillionResult {
  const { sessionCount, streamingShare, tokensPerSec, maxCoreShare, maxProcessGib } = ASSUMPTIONS;
  const tokenRate = sessionCount * streamingShare * tokensPerSec;
  const tokenCores = (tokenRate * tokenMicros) / 1e6;
  // A line may begin below nothing, or fall: measured noise, not a gain.
  const heartbeatCores = (Math.max(0, heartbeat.slope) * sessionCount) / 100;
  const baseMib = Math.max(0, memory.intercept);
  const sessionsMib = Math.max(0, memory.slope) * sessionCount;
  const forCpu = (heartbeatCores + tokenCores) / maxCoreShare;
  const forMemory = sessionsMib / Math.max(1, maxProcessGib * 1024 - baseMib);
  const processCount = Math.max(1, Math.ceil(Math.max(forCpu, forMemory)));
  return {
    processCount,
    sessionsPerProcess: Math.round(sessionCount / processCount),
    memoryGib: (baseMib * processCount + sessionsMib) / 1024,
    heartbeatCores,
    tokenCores,
    wireMibPerSec: bytesPerToken === undefined ? undefined : (tokenRate * bytesPerToken) / 2 ** 20,
  };
}
