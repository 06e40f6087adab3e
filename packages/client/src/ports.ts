/**
 * What the client asks of the outside world. Nothing else in this package reads a clock, rolls dice, opens a socket or
 * listens to the browser: a simulation supplies these and replays a run from its seed.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in milliseconds since 1970. It goes on while a laptop sleeps, which is what the watchdog needs. */
  nowMs(): number;
  /** Runs `task` once, after at least `delayMs`. */
  setTimer(delayMs: number, task: () => void): Timer;
}

export interface Random {
  /** An id of `chars` characters from `[0-9a-z]`. */
  id(chars: number): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}

/** The part of a WebSocket that the client uses. Handlers get the platform's events; only these fields are read. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  /** `event.data`: the text of a frame. */
  onmessage: ((event: never) => void) | null;
  /** `event.code` and `event.reason`. */
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** `visible`: the page is shown again (or came back from the page cache). */
export type EnvironmentEvent = "visible" | "online" | "offline";

/** What happens around the client. Node has none of this. */
export interface Environment {
  /** Returns what stops it. */
  listen(listener: (event: EnvironmentEvent) => void): () => void;
}

export interface Ports {
  readonly WebSocket: WebSocketConstructor;
  /** For the way over HTTP. @default that of the platform */
  readonly fetch?: typeof fetch;
  readonly clock: Clock;
  readonly random: Random;
  readonly environment: Environment;
  /** Where an exception of a listener goes when nobody listens to `error`. */
  readonly reportError: (thrown: unknown) => void;
}
