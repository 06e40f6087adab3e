/**
 * What the core asks of the outside world. Nothing in `core` reads a clock, rolls dice, opens a socket or touches a disk
 * by itself: a simulation supplies these and replays a run from its seed.
 */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time in milliseconds since 1970: for what is stored and shown. */
  nowMs(): number;
  /** Milliseconds that only ever grow: for deadlines and measured durations. */
  monotonicMs(): number;
  /** Runs `task` once, after at least `delayMs`. */
  setTimer(delayMs: number, task: () => void): Timer;
  /** Runs `task` once, after what is already waiting to run. */
  defer(task: () => void): void;
}

export interface Random {
  /** An id of `chars` characters from `[0-9a-z]`; 26 of them carry more than 128 bits. */
  id(chars: number): string;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type DeltaFrames = "merged" | "single";

/** Turns the text of one message into the bytes of a transport. Shared: nothing in the bytes depends on a connection. */
export interface Framing {
  /** Connections with the same id can be sent the same bytes. */
  readonly id: string;
  /** Whether adjacent deltas may share a frame, or each record has one of its own. @default "merged" */
  readonly deltas?: DeltaFrames;
  frame(text: string): Uint8Array;
}

/** One connection's way out. The core knows no more of a socket than this. */
export interface Transport {
  readonly framing: Framing;
  /** Takes all of it, in order. The caller looks at `bufferedBytes` before it writes more. */
  write(bytes: Uint8Array): void;
  /** Bytes taken and not yet handed to the network. */
  readonly bufferedBytes: number;
  /** Whether pings come back. Where they do not, nothing is confirmed by them and their silence proves nothing. */
  readonly answersPings: boolean;
  /** Sends a ping, which the peer of a transport that answers pings answers with the same number. */
  ping(checkpoint: number): void;
  /** Stops and restarts reading from the peer, so that a flood waits on the peer's side. */
  pauseReading(): void;
  resumeReading(): void;
  /** Ends the connection in an orderly way; the reason is at most 123 bytes. */
  close(closeCode: number, reason: string): void;
}
