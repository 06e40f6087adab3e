import type { Clock, Timer } from "../../packages/server/src/core/ports.ts";

/** The clock as one process sees it: when the process dies, nothing that it was waiting for happens. */
export class LifeClock implements Clock {
  readonly #clock: Clock;
  #isDead = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  die(): void {
    this.#isDead = true;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  setTimer(delayMs: number, task: () => void): Timer {
    return this.#clock.setTimer(delayMs, () => {
      if (!this.#isDead) task();
    });
  }

  defer(task: () => void): void {
    this.#clock.defer(() => {
      if (!this.#isDead) task();
    });
  }
}
