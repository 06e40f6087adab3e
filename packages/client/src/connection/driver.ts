/**
 * Owns the socket, the one timer and the events of the environment. What to do with them is the state machine's decision; what
 * the frames mean is the client's.
 */
import { decodeServerMessage, type ServerMessage, type ServerMessageOf } from "@tachikoma/protocol";
import type { Ports, Timer, WebSocketLike } from "../ports.ts";
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionSettings,
  type ConnectionState,
  INITIAL_STATE,
  isConnected,
  transition,
  wakeAtMs,
} from "./connection-state.ts";
import { onRetryAfter } from "./refused-upgrade.ts";
import { steadyTime } from "./steady-time.ts";

export interface DriverHooks {
  /** The address of the next attempt. A promise only where something has to be waited for. */
  address(): string | Promise<string>;
  /** Makes a socket that connects to it. */
  open(address: string): WebSocketLike;
  welcomed(message: ServerMessageOf<"welcome">): void;
  message(message: ServerMessage): void;
  /** The connection that was welcomed is gone. */
  lost(): void;
  forgetSession(): void;
  changed(state: ConnectionState): void;
  /** The attempt could not be made. */
  failed(thrown: unknown): void;
  /** Code of the application threw. */
  threw(thrown: unknown): void;
}

/** Longest delay that every platform's timer takes. */
const MAX_TIMER_MS = 2_147_483_647;
const NORMAL_CLOSE = 1000;
/** What a browser reports when there was no close frame. */
const ABNORMAL_CLOSE = 1006;
const PING = JSON.stringify({ type: "ping" });

export class ConnectionDriver {
  readonly #ports: Ports;
  readonly #settings: ConnectionSettings;
  readonly #hooks: DriverHooks;
  readonly #nowMs: () => number;
  #state: ConnectionState = INITIAL_STATE;
  #socket: WebSocketLike | undefined;
  #timer: Timer | undefined;
  #lastReceivedMs = Number.NEGATIVE_INFINITY;
  #isNetworkDown = false;
  #stopListening: (() => void) | undefined;
  readonly #events: ConnectionEvent[] = [];
  #isDispatching = false;

  constructor(ports: Ports, settings: ConnectionSettings, hooks: DriverHooks) {
    this.#ports = ports;
    this.#settings = settings;
    this.#hooks = hooks;
    this.#nowMs = steadyTime(() => ports.clock.nowMs());
    this.#stopListening = ports.environment.listen((event) => {
      if (event !== "visible") this.#isNetworkDown = event === "offline";
      this.dispatch({ type: event === "visible" ? event : event === "online" ? "networkUp" : "networkDown" });
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Events that happen while another is dealt with take their turn after it. */
  dispatch(event: ConnectionEvent): void {
    this.#events.push(event);
    if (this.#isDispatching) return;
    this.#isDispatching = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift())
        this.#apply(next);
    } finally {
      this.#isDispatching = false;
    }
  }

  /** Dropped unless connected: what must arrive is sent again after the next welcome. */
  send(text: string): void {
    if (!isConnected(this.#state)) return;
    try {
      this.#socket?.send(text);
    } catch {
      // The socket is closing; its close event follows.
    }
  }

  #apply(event: ConnectionEvent): void {
    const before = this.#state;
    const { state, effects } = transition(before, event, {
      nowMs: this.#nowMs(),
      lastReceivedMs: this.#lastReceivedMs,
      isNetworkDown: this.#isNetworkDown,
      fraction: () => this.#ports.random.fraction(),
      settings: this.#settings,
    });
    this.#state = state;
    if (event.type === "socketClosed" && state !== before) this.#socket = undefined;
    const isLost = isConnected(before) && (!isConnected(state) || state.generation !== before.generation);
    if (isLost) this.#hooks.lost();
    for (const effect of effects) this.#run(effect);
    this.#setTimer();
    if (state.name === "closed") this.#stop();
    if (state !== before) this.#hooks.changed(state);
  }

  #run(effect: ConnectionEffect): void {
    switch (effect.type) {
      case "openSocket":
        this.#open(this.#state.generation);
        return;
      case "closeSocket":
        this.#close(effect.isAbrupt);
        return;
      case "sendPing":
        this.send(PING);
        return;
      case "forgetSession":
        this.#hooks.forgetSession();
    }
  }

  #open(generation: number): void {
    try {
      const address = this.#hooks.address();
      if (typeof address === "string") {
        this.#openAt(address, generation);
        return;
      }
      address
        .then((late) => this.#openAt(late, generation))
        .catch((thrown) => this.#failed(thrown, generation));
    } catch (thrown) {
      this.#failed(thrown, generation);
    }
  }

  #openAt(address: string, generation: number): void {
    if (this.#state.name !== "connecting" || this.#state.generation !== generation) return;
    const socket = this.#hooks.open(address);
    this.#socket = socket;
    let retryAfterMs = 0;
    onRetryAfter(socket, (ms) => {
      retryAfterMs = ms;
    });
    socket.onmessage = (event: { readonly data: unknown }) => this.#received(event.data, generation);
    socket.onclose = ({
      code = ABNORMAL_CLOSE,
      reason = "",
    }: {
      readonly code?: number;
      reason?: string;
    }) => {
      this.dispatch({ type: "socketClosed", generation, code, reason, retryAfterMs });
    };
    // A close event follows every error, and says more.
    socket.onerror = () => {};
  }

  #failed(thrown: unknown, generation: number): void {
    if (this.#state.generation !== generation) return;
    this.#hooks.failed(thrown);
    this.dispatch({ type: "attemptFailed", generation });
  }

  #received(data: unknown, generation: number): void {
    if (generation !== this.#state.generation || typeof data !== "string") return;
    const { name } = this.#state;
    if (name !== "connecting" && !isConnected(this.#state)) return;
    this.#lastReceivedMs = this.#nowMs();
    const message = decodeServerMessage(data);
    if (message === undefined) return;
    try {
      if (name !== "connecting") this.#hooks.message(message);
      else if (message.type === "welcome") this.#welcomed(message, generation);
    } catch (thrown) {
      this.#hooks.threw(thrown);
    }
  }

  #welcomed(message: ServerMessageOf<"welcome">, generation: number): void {
    this.dispatch({ type: "welcomed", generation, isResumed: message.resumed });
    // Who was told of it may have disconnected at once.
    if (isConnected(this.#state) && this.#state.generation === generation) this.#hooks.welcomed(message);
  }

  #close(isAbrupt: boolean): void {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onmessage = null;
    socket.onclose = null;
    try {
      if (isAbrupt && "terminate" in socket && typeof socket.terminate === "function") socket.terminate();
      else if (isAbrupt) socket.close();
      else socket.close(NORMAL_CLOSE);
    } catch {
      // It was not open any more, which is what is wanted.
    }
  }

  #setTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const atMs = wakeAtMs(this.#state);
    if (atMs === undefined) return;
    const delayMs = Math.min(Math.max(atMs - this.#nowMs(), 0), MAX_TIMER_MS);
    this.#timer = this.#ports.clock.setTimer(delayMs, () => this.dispatch({ type: "timer" }));
  }

  #stop(): void {
    this.#stopListening?.();
    this.#stopListening = undefined;
  }
}
