/**
 * How many handshakes are worked on at a time. Each costs a session, its logs and its replay, so a herd that comes back together is let in
 * at a pace at which those who are connected still get their turn. Those that resume go first.
 */
import type { Clock } from "../core/ports.ts";

export interface HandshakeLaneOptions {
  readonly clock: Clock;
  /** @default 16 */
  readonly maxRunning?: number;
}

/** With a store in this process that is some 20 ms of work in one turn of the event loop. */
const DEFAULT_MAX_RUNNING = 16;

export class HandshakeLane {
  readonly #clock: Clock;
  readonly #maxRunning: number;
  #runningCount = 0;
  readonly #resuming: (() => void)[] = [];
  readonly #fresh: (() => void)[] = [];

  constructor({ clock, maxRunning = DEFAULT_MAX_RUNNING }: HandshakeLaneOptions) {
    this.#clock = clock;
    this.#maxRunning = maxRunning;
  }

  /** Resolves when the handshake may go on, with what has to be called when it is over, however it ends. */
  async enter(isResuming: boolean): Promise<() => void> {
    if (this.#runningCount < this.#maxRunning) this.#runningCount += 1;
    else {
      await new Promise<void>((resolve) => (isResuming ? this.#resuming : this.#fresh).push(resolve));
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      // Not in this turn: with a store that answers at once a whole herd would pass in one.
      this.#clock.defer(() => this.#leave());
    };
  }

  /** The place goes to who waits, or is free. */
  #leave(): void {
    const next = this.#resuming.shift() ?? this.#fresh.shift();
    if (next === undefined) this.#runningCount -= 1;
    else next();
  }
}
