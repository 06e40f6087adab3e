import type { Clock, Timer } from "../core/ports.ts";

/** What setTimeout can count to; it fires at once on anything longer. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, task) => new SystemTimer(delayMs, task),
  defer: (task) => {
    setImmediate(task);
  },
};

/** One object for each timer, and no closures: every connection has one. */
class SystemTimer implements Timer {
  readonly #dueMs: number;
  readonly #task: () => void;
  #timeout: NodeJS.Timeout;

  constructor(delayMs: number, task: () => void) {
    this.#dueMs = performance.now() + Math.max(delayMs, 0);
    this.#task = task;
    this.#timeout = this.#arm(this.#dueMs - performance.now());
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #arm(remainingMs: number): NodeJS.Timeout {
    // The process may have been held up since the time was computed; Node warns of a negative one.
    return setTimeout(ring, Math.min(Math.max(Math.ceil(remainingMs), 0), MAX_TIMEOUT_MS), this);
  }

  /**
   * Looks at the clock again for two reasons: a long delay is counted in several stretches, and setTimeout counts whole
   * milliseconds, so it may come a fraction of one early.
   */
  ring(): void {
    const remainingMs = this.#dueMs - performance.now();
    if (remainingMs > 0) this.#timeout = this.#arm(remainingMs);
    else this.#task();
  }
}

function ring(timer: SystemTimer): void {
  timer.ring();
}
