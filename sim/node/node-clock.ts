import type { Clock, Timer } from "../../packages/server/src/core/ports.ts";

/** What a machine makes of the time. Its wall clock may be wrong, and may be set; its monotonic clock only runs. */
export interface MachineTime {
  /** By how much its wall clock is ahead. */
  skewMs: number;
  /** Where its monotonic clock began. */
  readonly bootMs: number;
}

interface Held {
  readonly task: () => void;
  isCancelled: boolean;
}

/**
 * The clock as one process sees it, and with it whatever else reaches the process. When it dies, nothing that it was waiting for
 * happens; while it is stopped, what falls due or arrives waits, and comes all at once afterwards.
 */
export class NodeClock implements Clock {
  readonly #clock: Clock;
  readonly #machine: MachineTime;
  #isDead = false;
  #held: Held[] | undefined;

  constructor(clock: Clock, machine: MachineTime) {
    this.#clock = clock;
    this.#machine = machine;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isPaused(): boolean {
    return this.#held !== undefined;
  }

  die(): void {
    this.#isDead = true;
    this.#held = undefined;
  }

  pause(): void {
    this.#held ??= [];
  }

  /** What has waited, in order. Promises have to settle between two of them, as they do in a process. */
  resume(): readonly (() => void)[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    return held.map((one) => () => {
      if (!one.isCancelled && !this.#isDead) one.task();
    });
  }

  nowMs(): number {
    return this.#clock.nowMs() + this.#machine.skewMs;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs() + this.#machine.bootMs;
  }

  /** Something has reached the process. */
  run(task: () => void): void {
    this.#run(task);
  }

  setTimer(delayMs: number, task: () => void): Timer {
    let held: Held | undefined;
    const timer = this.#clock.setTimer(delayMs, () => {
      held = this.#run(task);
    });
    return {
      cancel: () => {
        timer.cancel();
        if (held !== undefined) held.isCancelled = true;
      },
    };
  }

  defer(task: () => void): void {
    this.#clock.defer(() => this.#run(task));
  }

  #run(task: () => void): Held | undefined {
    if (this.#isDead) return undefined;
    if (this.#held === undefined) {
      task();
      return undefined;
    }
    const held = { task, isCancelled: false };
    this.#held.push(held);
    return held;
  }
}
