import type { Clock } from "../../core/ports.ts";

export interface StoreHealthOptions {
  readonly ping: () => Promise<void>;
  readonly clock: Clock;
}

/** A store that takes longer than this to say that it is there is as good as away. */
const TIMEOUT_MS = 1_000;
/** However many probes come, the store is asked twice a second at most. */
const ANSWER_HOLDS_MS = 500;

/** Whether the store can serve now. */
export class StoreHealth {
  readonly #options: StoreHealthOptions;
  #isServing = false;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #asking: Promise<boolean> | undefined;
  /** Outlives the questions that it kept waiting: a store that hangs is not asked once more meanwhile. */
  #pinging: Promise<boolean> | undefined;

  constructor(options: StoreHealthOptions) {
    this.#options = options;
  }

  async isServing(): Promise<boolean> {
    const { clock } = this.#options;
    if (clock.monotonicMs() - this.#answeredAtMs < ANSWER_HOLDS_MS) return this.#isServing;
    this.#asking ??= this.#ask().then((isServing) => {
      this.#isServing = isServing;
      this.#answeredAtMs = clock.monotonicMs();
      this.#asking = undefined;
      return isServing;
    });
    return this.#asking;
  }

  #ask(): Promise<boolean> {
    this.#pinging ??= this.#options.ping().then(
      () => this.#pinged(true),
      () => this.#pinged(false),
    );
    const { promise: late, resolve } = Promise.withResolvers<boolean>();
    const timer = this.#options.clock.setTimer(TIMEOUT_MS, () => resolve(false));
    return Promise.race([this.#pinging, late]).finally(() => timer.cancel());
  }

  #pinged(isServing: boolean): boolean {
    this.#pinging = undefined;
    return isServing;
  }
}
