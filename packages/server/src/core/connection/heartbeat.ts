/**
 * Heartbeat of one connection, decided without timers.
 *
 *   resting --ping is due--> waiting --pong of this checkpoint--> resting
 *                               `--no pong in time--> dead
 *
 * Each ping carries a checkpoint number. The pong proves that the peer has read all that was written before the ping. Over a
 * transport that answers no pings there is nothing to wait for: it stays resting, and every ping is a sign of life only.
 */
export type HeartbeatState =
  | { readonly kind: "resting"; readonly checkpoint: number; readonly nextPingAtMs: number }
  | {
      readonly kind: "waiting";
      readonly checkpoint: number;
      readonly deadlineMs: number;
      readonly pingedAtMs: number;
    };

export interface HeartbeatTiming {
  readonly pingIntervalMs: number;
  /** `undefined` where pings are not answered. */
  readonly pongTimeoutMs: number | undefined;
}

export type HeartbeatStep =
  | { readonly kind: "wait"; readonly state: HeartbeatState; readonly wakeAtMs: number }
  | {
      readonly kind: "ping";
      readonly state: HeartbeatState;
      readonly wakeAtMs: number;
      readonly checkpoint: number;
    }
  /** A ping that nobody answers. */
  | {
      readonly kind: "beat";
      readonly state: HeartbeatState;
      readonly wakeAtMs: number;
      readonly checkpoint: number;
    }
  | { readonly kind: "dead" };

export function startHeartbeat(timing: HeartbeatTiming, nowMs: number): HeartbeatState {
  return { kind: "resting", checkpoint: 0, nextPingAtMs: nowMs + timing.pingIntervalMs };
}

/** What is to be done when the timer rings. */
export function onHeartbeatTimer(
  state: HeartbeatState,
  timing: HeartbeatTiming,
  nowMs: number,
): HeartbeatStep {
  if (state.kind === "waiting") {
    if (nowMs >= state.deadlineMs) return { kind: "dead" };
    return { kind: "wait", state, wakeAtMs: state.deadlineMs };
  }
  if (nowMs < state.nextPingAtMs) return { kind: "wait", state, wakeAtMs: state.nextPingAtMs };
  const checkpoint = state.checkpoint + 1;
  if (timing.pongTimeoutMs === undefined) {
    const nextPingAtMs = nowMs + timing.pingIntervalMs;
    const rested: HeartbeatState = { kind: "resting", checkpoint, nextPingAtMs };
    return { kind: "beat", checkpoint, state: rested, wakeAtMs: nextPingAtMs };
  }
  const deadlineMs = nowMs + timing.pongTimeoutMs;
  return {
    kind: "ping",
    checkpoint,
    state: { kind: "waiting", checkpoint, deadlineMs, pingedAtMs: nowMs },
    wakeAtMs: deadlineMs,
  };
}

/** `undefined` when the pong answers no open ping: an unsolicited pong proves nothing. */
export function onPong(
  state: HeartbeatState,
  checkpoint: number,
  timing: HeartbeatTiming,
  nowMs: number,
): { readonly state: HeartbeatState; readonly wakeAtMs: number } | undefined {
  if (state.kind !== "waiting" || checkpoint !== state.checkpoint) return undefined;
  const nextPingAtMs = Math.max(nowMs, state.pingedAtMs + timing.pingIntervalMs);
  return { state: { kind: "resting", checkpoint, nextPingAtMs }, wakeAtMs: nextPingAtMs };
}
