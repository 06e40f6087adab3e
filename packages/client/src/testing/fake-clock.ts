import type { Clock, Timer } from "../ports.ts";

interface Task {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that moves when it is told to. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  #order = 0;
  readonly #tasks = new Set<Task>();

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const task = { atMs: this.#nowMs + delayMs, order: this.#order++, run };
    this.#tasks.add(task);
    return { cancel: () => this.#tasks.delete(task) };
  }

  get timerCount(): number {
    return this.#tasks.size;
  }

  /** Runs what becomes due, in order. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const next = [...this.#tasks]
        .filter((task) => task.atMs <= untilMs)
        .sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
      if (next === undefined) break;
      this.#tasks.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
    }
    this.#nowMs = untilMs;
  }

  /** The clock jumps without running anything, as when a laptop wakes up. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
  }
}
