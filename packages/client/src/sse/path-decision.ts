/**
 * Which transport the next attempt uses, once some WebSockets did not open.
 *
 *   websocket --did not open, too often--> sse --opened--> sse, until a probe gets through --> websocket, once
 *       ^                                   `--did not open--.
 *       `---------------------------------------------------´    a server that is away opens neither: both are tried in turn
 */
import type { TransportName } from "../options.ts";

export interface PathState {
  /** WebSockets that may fail to open, one after the other, before the other way is taken. */
  readonly triesLeft: number;
  /** The last attempt was one over HTTP, and it did not open. */
  readonly hasSseFailed: boolean;
}

export const INITIAL_PATH: PathState = { triesLeft: 0, hasSseFailed: false };

export function nextTransport({ triesLeft, hasSseFailed }: PathState): TransportName {
  return triesLeft > 0 || hasSseFailed ? "websocket" : "sse";
}

const FIRST_PROBE_MS = 60_000;
const MAX_PROBE_MS = 30 * 60_000;

/** When a WebSocket is tried again beside a connection over HTTP: ever more rarely, and not everyone at once. */
export function probeDelayMs(probeCount: number, fraction: number): number {
  const ceilingMs = Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** Math.min(probeCount, 16));
  return Math.round(ceilingMs * (0.5 + fraction / 2));
}
