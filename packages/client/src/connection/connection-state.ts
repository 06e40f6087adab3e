/**
 * Where the client stands with its server, as a pure machine: `transition` says what comes next and what has to be done, the
 * driver does it.
 *
 *     offline --connect--> connecting --welcomed--> online --silence--> probing --silence--> waiting
 *                              ^  |                   ^                    |                    |
 *                              |  +--failed--> waiting |<----anything------+                    |
 *                              +------------------timer, network back----------------------------+
 *
 *     any --disconnect--> offline      any --close, refused for good--> closed (final)
 *
 * To be replaced by another connection of the session is final too, unless that may have been an earlier one of this client: then it
 * takes the session back, once (`mayTakeBack`).
 *
 * At most one socket exists: `openSocket` is only asked for in states that hold none, or right after `closeSocket`. Every
 * attempt has a generation; what a socket of an older generation still reports is ignored.
 */
import { retryAdviceForClose } from "@tachikoma/protocol";
import type { BackOffOptions, HeartbeatOptions } from "../options.ts";
import { backOffDelayMs } from "./back-off.ts";

interface Generation {
  readonly generation: number;
}

interface Rivalled extends Generation {
  /**
   * An earlier connection, or an attempt that nothing was heard of, may get to the session after this one: its way to the store was
   * longer, or a failover has lost which came later. It is gone by itself, and whoever comes after it has the session again. Once for
   * each connection that was lost, so that two clients that share a session do not take it from each other for ever.
   */
  readonly mayTakeBack: boolean;
}

interface Attempted extends Rivalled {
  /** Attempts that failed since the last stable connection. */
  readonly failureCount: number;
}

interface Connected extends Attempted {
  readonly sinceMs: number;
  /** The server asked to come back at this time. */
  readonly moveAtMs: number | undefined;
}

export type ConnectionState =
  | (Rivalled & { readonly name: "offline" })
  | (Attempted & { readonly name: "connecting"; readonly deadlineMs: number })
  | (Connected & { readonly name: "online"; readonly checkAtMs: number })
  /** Nothing came for a while; a ping is on its way, and anything that comes is its answer. */
  | (Connected & { readonly name: "probing"; readonly pingedAtMs: number; readonly deadlineMs: number })
  | (Attempted & { readonly name: "waiting"; readonly untilMs: number })
  | (Generation & { readonly name: "closed"; readonly code: number; readonly reason: string });

export type StateName = ConnectionState["name"];
type StateOf<Name extends StateName> = Extract<ConnectionState, { name: Name }>;

export type ConnectionEvent =
  | { readonly type: "connect" }
  | { readonly type: "disconnect" }
  | { readonly type: "close" }
  | { readonly type: "welcomed"; readonly generation: number; readonly isResumed: boolean }
  | {
      readonly type: "socketClosed";
      readonly generation: number;
      readonly code: number;
      readonly reason: string;
      /** The server, which refused the attempt, asked not to come back before this time has passed. */
      readonly retryAfterMs?: number;
    }
  /** There is no socket to close: no token, or none could be made. */
  | { readonly type: "attemptFailed"; readonly generation: number }
  | { readonly type: "reconnectAsked"; readonly inMs: number }
  /** The connection cannot be trusted any more, or a test wants it gone. */
  | { readonly type: "drop" }
  | { readonly type: "timer" }
  | { readonly type: "visible" }
  | { readonly type: "networkUp" }
  | { readonly type: "networkDown" };

export type EventType = ConnectionEvent["type"];

export type ConnectionEffect =
  | { readonly type: "openSocket" }
  /** Ends the socket, if there is one, and forgets it at once: whatever it still says is not heard. */
  | { readonly type: "closeSocket"; readonly isAbrupt: boolean }
  | { readonly type: "sendPing" }
  | { readonly type: "forgetSession" };

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly heartbeat: HeartbeatOptions;
  readonly backOff: BackOffOptions;
}

export interface TransitionContext {
  readonly nowMs: number;
  /** When the socket last received anything. */
  readonly lastReceivedMs: number;
  readonly isNetworkDown: boolean;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
  readonly settings: ConnectionSettings;
}

export interface Transition {
  readonly state: ConnectionState;
  readonly effects: readonly ConnectionEffect[];
}

/** Close code of an application's own `close()`. */
export const NORMAL_CLOSE_CODE = 1000;
/** SESSION_REPLACED: another connection has resumed the session. */
const REPLACED_CLOSE_CODE = 4409;
/** However long a server asks a client to stay away. */
const MAX_ASKED_DELAY_MS = 600_000;

export const INITIAL_STATE: ConnectionState = { name: "offline", generation: 0, mayTakeBack: false };

const OPEN: ConnectionEffect = { type: "openSocket" };
const PING: ConnectionEffect = { type: "sendPing" };
const LEAVE: ConnectionEffect = { type: "closeSocket", isAbrupt: false };
const ABANDON: ConnectionEffect = { type: "closeSocket", isAbrupt: true };

export function transition(
  state: ConnectionState,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  // A socket that was given up may still report for minutes.
  if ("generation" in event && event.generation !== state.generation) return stay(state);
  switch (state.name) {
    case "offline":
      return fromOffline(state, event, context);
    case "connecting":
      return fromConnecting(state, event, context);
    case "online":
      return fromOnline(state, event, context);
    case "probing":
      return fromProbing(state, event, context);
    case "waiting":
      return fromWaiting(state, event, context);
    case "closed":
      return stay(state);
  }
}

/** When the machine wants its next `timer`; early ones do no harm. */
export function wakeAtMs(state: ConnectionState): number | undefined {
  switch (state.name) {
    case "connecting":
    case "probing":
      return state.deadlineMs;
    case "online":
      return Math.min(state.checkAtMs, state.moveAtMs ?? Number.POSITIVE_INFINITY);
    case "waiting":
      return state.untilMs;
    case "offline":
    case "closed":
      return undefined;
  }
}

/** True while what is sent may reach the server. */
export function isConnected(state: ConnectionState): boolean {
  return state.name === "online" || state.name === "probing";
}

function fromOffline(
  state: StateOf<"offline">,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  if (event.type === "connect") return attempt(state, 0, context);
  if (event.type === "close") return closedByApplication(state, []);
  return stay(state);
}

function fromConnecting(
  state: StateOf<"connecting">,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  switch (event.type) {
    case "disconnect":
      return to(offline(left(state)), LEAVE);
    case "close":
      return closedByApplication(state, [LEAVE]);
    case "welcomed":
      return welcomed(state, event.isResumed, context);
    case "socketClosed":
      return closedByPeer(state, event, context);
    case "attemptFailed":
      return wait(state, context);
    case "drop":
      return wait(left(state), context, ABANDON);
    case "timer":
      return context.nowMs >= state.deadlineMs ? wait(left(state), context, ABANDON) : stay(state);
    default:
      return stay(state);
  }
}

function fromOnline(
  state: StateOf<"online">,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  switch (event.type) {
    case "visible":
    case "networkUp":
    case "networkDown":
      // The socket may have died without a word while the page slept or the network changed.
      return probe(state, context);
    case "timer":
      if (context.nowMs >= (state.moveAtMs ?? Number.POSITIVE_INFINITY)) return move(state, context);
      if (context.nowMs - context.lastReceivedMs >= context.settings.heartbeat.idlePingAfterMs) {
        return probe(state, context);
      }
      return to(online(state, context));
    case "reconnectAsked":
      return to({ ...state, moveAtMs: moveTimeMs(event.inMs, context) });
    default:
      return fromConnected(state, event, context);
  }
}

function fromProbing(
  state: StateOf<"probing">,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  switch (event.type) {
    case "timer":
    case "visible":
    case "networkUp":
    case "networkDown":
      if (context.lastReceivedMs >= state.pingedAtMs) return to(online(state, context));
      return context.nowMs >= state.deadlineMs ? lose(left(state), context, ABANDON) : stay(state);
    case "reconnectAsked":
      return to({ ...online(state, context), moveAtMs: moveTimeMs(event.inMs, context) });
    default:
      return fromConnected(state, event, context);
  }
}

function fromConnected(
  state: StateOf<"online" | "probing">,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  switch (event.type) {
    case "disconnect":
      return to(offline(left(state)), LEAVE);
    case "close":
      return closedByApplication(state, [LEAVE]);
    case "socketClosed":
      return closedByPeer(state, event, context);
    case "drop":
      return lose(left(state), context, ABANDON);
    default:
      return stay(state);
  }
}

function fromWaiting(
  state: StateOf<"waiting">,
  event: ConnectionEvent,
  context: TransitionContext,
): Transition {
  switch (event.type) {
    case "connect":
    case "visible":
    case "networkUp":
      return attempt(state, state.failureCount, context);
    case "timer":
      return context.nowMs >= state.untilMs ? attempt(state, state.failureCount, context) : stay(state);
    case "networkDown":
      return to({ ...state, untilMs: context.nowMs + context.settings.backOff.maxDelayMs });
    case "disconnect":
      return to(offline(state));
    case "close":
      return closedByApplication(state, []);
    default:
      return stay(state);
  }
}

function welcomed(state: StateOf<"connecting">, isResumed: boolean, context: TransitionContext): Transition {
  // A fresh session is nobody else's. One that this client began with was held before: perhaps by this page before it was loaded anew.
  const isFirst = state.generation === 1;
  const mayTakeBack = isResumed && (isFirst || state.mayTakeBack);
  return to(online({ ...state, mayTakeBack, sinceMs: context.nowMs, moveAtMs: undefined }, context));
}

function offline({ generation, mayTakeBack }: Rivalled): StateOf<"offline"> {
  return { name: "offline", generation, mayTakeBack };
}

/** Its connection is an earlier one from here on. */
function left<State extends Rivalled>(state: State): State {
  return { ...state, mayTakeBack: true };
}

function stay(state: ConnectionState): Transition {
  return { state, effects: [] };
}

function to(state: ConnectionState, ...effects: readonly ConnectionEffect[]): Transition {
  return { state, effects };
}

function attempt(
  { generation, mayTakeBack }: Rivalled,
  failureCount: number,
  { nowMs, settings }: TransitionContext,
  ...before: readonly ConnectionEffect[]
): Transition {
  const deadlineMs = nowMs + settings.connectTimeoutMs;
  const next = {
    name: "connecting",
    generation: generation + 1,
    mayTakeBack,
    failureCount,
    deadlineMs,
  } as const;
  return to(next, ...before, OPEN);
}

function online(
  connected: Connected,
  { nowMs, lastReceivedMs, settings }: TransitionContext,
): StateOf<"online"> {
  const { idlePingAfterMs } = settings.heartbeat;
  const checkAtMs = Math.max(lastReceivedMs, connected.sinceMs) + idlePingAfterMs;
  // A clock that was set back must not stop the watchdog.
  return {
    name: "online",
    ...connectedOf(connected),
    checkAtMs: Math.min(checkAtMs, nowMs + idlePingAfterMs),
  };
}

function probe(connected: Connected, { nowMs, settings }: TransitionContext): Transition {
  const deadlineMs = nowMs + settings.heartbeat.pongTimeoutMs;
  return to({ name: "probing", ...connectedOf(connected), pingedAtMs: nowMs, deadlineMs }, PING);
}

function connectedOf({ generation, mayTakeBack, failureCount, sinceMs, moveAtMs }: Connected): Connected {
  return { generation, mayTakeBack, failureCount, sinceMs, moveAtMs };
}

/** Leaves a server that is draining for the next connection, without a pause in between. */
function move(state: StateOf<"online">, context: TransitionContext): Transition {
  return attempt(left(state), isStable(state, context) ? 0 : state.failureCount + 1, context, LEAVE);
}

function moveTimeMs(inMs: number, { nowMs }: TransitionContext): number {
  return nowMs + Math.min(Math.max(inMs, 0), MAX_ASKED_DELAY_MS);
}

function closedByPeer(
  state: StateOf<"connecting" | "online" | "probing">,
  event: Extract<ConnectionEvent, { type: "socketClosed" }>,
  context: TransitionContext,
): Transition {
  const { generation } = state;
  const { code, reason } = event;
  const advice = retryAdviceForClose(code);
  const isTakingBack = code === REPLACED_CLOSE_CODE && state.mayTakeBack;
  if (advice === "never" && !isTakingBack) return to({ name: "closed", generation, code, reason });
  const effects: ConnectionEffect[] = advice === "fresh" ? [{ type: "forgetSession" }] : [];
  const before = { ...state, mayTakeBack: !isTakingBack };
  if (before.name !== "connecting") return lose(before, context, ...effects);
  // The back-off counts from there: not all that were refused together are asked to wait for different times.
  return wait(before, { ...context, nowMs: moveTimeMs(event.retryAfterMs ?? 0, context) }, ...effects);
}

function closedByApplication({ generation }: Generation, effects: readonly ConnectionEffect[]): Transition {
  return to({ name: "closed", generation, code: NORMAL_CLOSE_CODE, reason: "" }, ...effects);
}

function lose(
  connected: Connected,
  context: TransitionContext,
  ...effects: readonly ConnectionEffect[]
): Transition {
  const { generation, mayTakeBack, moveAtMs } = connected;
  const failureCount = isStable(connected, context) ? 0 : connected.failureCount;
  if (moveAtMs !== undefined && moveAtMs > context.nowMs) {
    return to({ name: "waiting", generation, mayTakeBack, failureCount, untilMs: moveAtMs }, ...effects);
  }
  return wait({ generation, mayTakeBack, failureCount }, context, ...effects);
}

function isStable({ sinceMs }: Connected, { nowMs, settings }: TransitionContext): boolean {
  return nowMs - sinceMs >= settings.backOff.stableAfterMs;
}

function wait(
  { generation, mayTakeBack, failureCount }: Attempted,
  context: TransitionContext,
  ...effects: readonly ConnectionEffect[]
): Transition {
  const { nowMs, settings, isNetworkDown } = context;
  if (isNetworkDown) {
    // Nothing can be learned from failing without a network: only look from time to time whether that is still true.
    const untilMs = nowMs + settings.backOff.maxDelayMs;
    return to({ name: "waiting", generation, mayTakeBack, failureCount, untilMs }, ...effects);
  }
  const untilMs = nowMs + backOffDelayMs(failureCount, settings.backOff, context.fraction());
  const next = { name: "waiting", generation, mayTakeBack, failureCount: failureCount + 1, untilMs } as const;
  return to(next, ...effects);
}
