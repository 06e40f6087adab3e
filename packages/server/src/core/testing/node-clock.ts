import type { Clock, Timer } from "../ports.ts";

/**
 * The clock as one process of several sees it. While the process is paused time goes on without it: what falls due meanwhile
 * happens when it runs again, and never when it is dead.
 */
export class NodeClock implements Clock {
  readonly #clock: Clock;
  #missed: (() => void)[] = [];
  #state: "running" | "paused" | "dead" = "running";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  get isPaused(): boolean {
    return this.#state === "paused";
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const missed = this.#missed;
    this.#missed = [];
    for (const task of missed) task();
  }

  die(): void {
    this.#state = "dead";
    this.#missed = [];
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  setTimer(delayMs: number, task: () => void): Timer {
    let isCancelled = false;
    const timer = this.#clock.setTimer(delayMs, () =>
      this.run(() => {
        if (!isCancelled) task();
      }),
    );
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  defer(task: () => void): void {
    this.#clock.defer(() => this.run(task));
  }

  /** Runs the task now, or when the process runs again. */
  run(task: () => void): void {
    if (this.#state === "running") task();
    else if (this.#state === "paused") this.#missed.push(task);
  }
}
