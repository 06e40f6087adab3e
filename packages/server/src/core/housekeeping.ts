/** Periodic work: closing idle logs, and removing from the store what has outlived its time, a slice at a time. */
import type { Store } from "../stores/store.ts";
import type { LogHub } from "./log/log-hub.ts";
import type { Clock, Logger, Timer } from "./ports.ts";

export interface HousekeepingOptions {
  readonly store: Store;
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sessionTtlMs: number;
  /** What an execution may take at most, from its start to its end. */
  readonly maxExecutionMs: number;
}

const TIDY_INTERVAL_MS = 10_000;
/** Between two slices of one sweep, so that traffic gets its turn. */
const SLICE_PAUSE_MS = 20;
/** As long as a client may keep asking again for the same command. */
const IDEMPOTENCY_MS = 24 * 3_600_000;
/** An empty log keeps its identity for a week at least: a reader who was away is told the truth. */
const IDLE_LOG_MS = 7 * 24 * 3_600_000;

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  #timer: Timer | undefined;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  start(): void {
    this.#next(TIDY_INTERVAL_MS);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #next(delayMs: number): void {
    const timer = this.#options.clock.setTimer(delayMs, () => {
      this.#round().then((hasMore) => {
        // Stopped, or started anew, while the round ran.
        if (this.#timer === timer) this.#next(hasMore ? SLICE_PAUSE_MS : TIDY_INTERVAL_MS);
      });
    });
    this.#timer = timer;
  }

  async #round(): Promise<boolean> {
    const { store, hub, clock, logger, sessionTtlMs, maxExecutionMs } = this.#options;
    hub.tidy();
    try {
      const idleLogMs = Math.max(IDLE_LOG_MS, sessionTtlMs * 2);
      const { hasMore } = await store.sweep({
        nowMs: clock.nowMs(),
        idleLogMs,
        // By its start and its end an execution is known until it is over.
        idempotencyMs: Math.max(IDEMPOTENCY_MS, maxExecutionMs),
      });
      return hasMore;
    } catch (cause) {
      logger.warn({ err: cause }, "Sweep failed");
      return false;
    }
  }
}
