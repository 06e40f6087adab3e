/**
 * The way over HTTP, and the way back. While it is taken, a WebSocket is tried from time to time beside it; when one gets through, the
 * connection moves.
 */
import type { Ports, Timer, WebSocketLike } from "../ports.ts";
import { EventSocket } from "./event-socket.ts";
import { INITIAL_PATH, nextTransport, type PathState, probeDelayMs } from "./path-decision.ts";
import { probeUrlOf, probeWebSocket } from "./web-socket-probe.ts";

export interface FallbackHooks {
  /** The address of a connection made now, as for any attempt. */
  address(): string | Promise<string>;
  /** A WebSocket gets through: the connection may move to one. */
  better(): void;
}

export class Fallback {
  readonly #maxTries: number;
  readonly #ports: Ports;
  readonly #hooks: FallbackHooks;
  #path: PathState = INITIAL_PATH;
  #probeCount = 0;
  #probeAtMs = 0;
  #current: WebSocketLike | undefined;
  #probeTimer: Timer | undefined;

  /** @param maxTries WebSockets that may fail to open before this way is taken; 0 where none is to be made */
  constructor(maxTries: number, ports: Ports, hooks: FallbackHooks) {
    this.#maxTries = maxTries;
    this.#ports = ports;
    this.#hooks = hooks;
  }

  open(url: string): WebSocketLike {
    this.#leave();
    const name = this.#maxTries > 0 ? nextTransport(this.#path) : "sse";
    const socket = name === "sse" ? this.#openEvents(url) : this.#openWebSocket(url);
    this.#current = socket;
    return socket;
  }

  #openWebSocket(url: string): WebSocketLike {
    this.#path = { triesLeft: Math.max(0, this.#path.triesLeft - 1), hasSseFailed: false };
    const socket = new this.#ports.WebSocket(url);
    socket.onopen = () => {
      this.#path = { triesLeft: this.#maxTries, hasSseFailed: false };
      this.#probeCount = 0;
      this.#probeAtMs = 0;
    };
    return socket;
  }

  #openEvents(url: string): WebSocketLike {
    this.#path = { ...this.#path, hasSseFailed: true };
    const socket: EventSocket = new EventSocket(url, this.#ports, {
      opened: () => {
        this.#path = { ...this.#path, hasSseFailed: false };
        if (this.#current === socket && this.#maxTries > 0) this.#planProbe(socket);
      },
      ended: () => {
        if (this.#current === socket) this.#leave();
      },
    });
    return socket;
  }

  #leave(): void {
    this.#probeTimer?.cancel();
    this.#current = undefined;
  }

  /** A connection that is lost and made anew does not put the next look off. */
  #planProbe(socket: EventSocket): void {
    const { clock, random } = this.#ports;
    const nowMs = clock.nowMs();
    if (this.#probeAtMs <= nowMs) this.#probeAtMs = nowMs + probeDelayMs(this.#probeCount, random.fraction());
    this.#probeTimer = clock.setTimer(this.#probeAtMs - nowMs, () => void this.#probe(socket));
  }

  async #probe(socket: EventSocket): Promise<void> {
    const { WebSocket, clock } = this.#ports;
    this.#probeCount += 1;
    const isThrough = await Promise.resolve()
      .then(() => this.#hooks.address())
      .then((address) => probeWebSocket(WebSocket, probeUrlOf(address), clock))
      .catch(() => false);
    if (this.#current !== socket) return;
    if (!isThrough) return this.#planProbe(socket);
    // One attempt: when it does not open either, this way is taken again.
    this.#path = { ...this.#path, triesLeft: 1 };
    this.#hooks.better();
  }
}
