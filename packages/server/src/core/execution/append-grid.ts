/**
 * Moments that executions wait for together: all of them that are due at the same one are called in one turn, by one timer. What they
 * append then goes to the store, and on to the viewers, together.
 */
import type { Clock } from "../ports.ts";

export class AppendGrid {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param atMs monotonic; the same moment has to be the same number */
  add(atMs: number, task: () => void): void {
    const others = this.#waiting.get(atMs);
    if (others !== undefined) {
      others.add(task);
      return;
    }
    const tasks = new Set([task]);
    this.#waiting.set(atMs, tasks);
    this.#clock.setTimer(atMs - this.#clock.monotonicMs(), () => {
      this.#waiting.delete(atMs);
      for (const due of tasks) due();
    });
  }

  remove(atMs: number, task: () => void): void {
    this.#waiting.get(atMs)?.delete(task);
  }
}
