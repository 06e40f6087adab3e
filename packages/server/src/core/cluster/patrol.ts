/**
 * Looks at everything once in a round, a little at a time. What nobody is told of is found by this: an entry that another node
 * overwrote and then gave up, or one that was struck in the moment in which it was made.
 */
import type { Clock, Logger, Timer } from "../ports.ts";
import { inParallel } from "./in-parallel.ts";

const STEP_MS = 5_000;
const MAX_LOOKS_AT_ONCE = 16;

export interface PatrolOptions<Place> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a round takes. */
  readonly roundMs: number;
  readonly places: () => Iterable<Place>;
  readonly look: (place: Place) => Promise<unknown>;
}

export class Patrol<Place> {
  readonly #options: PatrolOptions<Place>;
  #ahead: Place[] = [];
  #perStep = 0;
  #isLooking = false;
  #timer: Timer | undefined;

  constructor(options: PatrolOptions<Place>) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(STEP_MS, () => {
      this.start();
      if (this.#isLooking) return;
      this.#isLooking = true;
      this.#step()
        .catch((cause: unknown) => {
          this.#options.logger.debug({ err: cause }, "A round could not look at everything");
        })
        .finally(() => {
          this.#isLooking = false;
        });
    });
  }

  stop(): void {
    this.#timer?.cancel();
  }

  async #step(): Promise<void> {
    const { roundMs, places, look } = this.#options;
    if (this.#ahead.length === 0) {
      this.#ahead = [...places()];
      this.#perStep = Math.ceil((this.#ahead.length * STEP_MS) / roundMs);
    }
    await inParallel(this.#ahead.splice(0, this.#perStep), MAX_LOOKS_AT_ONCE, async (place) => {
      await look(place);
    });
  }
}
