/**
 * A clock that moves only when it is told to. Timers run in the order of their due time, those of one moment in the order
 * in which they were set; deferred tasks run before time moves on. Between any two tasks every promise that can settle
 * does, so a test or a simulation sees the same order in every run.
 */
import type { Clock, Timer } from "../ports.ts";

interface PendingTimer {
  readonly dueMs: number;
  readonly task: () => void;
  isCancelled: boolean;
}

export interface FakeClockOptions {
  /** Wall-clock time at the start, in milliseconds since 1970. */
  readonly startMs?: number;
  /** Waits until every promise that can settle has done so. @default a turn of the event loop */
  readonly settlePromises?: () => Promise<void>;
}

const DEFAULT_START_MS = Date.UTC(2030, 0, 1);
/** Far above any honest test: what reaches it re-arms itself without time moving. */
const MAX_TASKS_WITHOUT_PROGRESS = 100_000;

// Taken at load time, so that a test that replaces the global timers still settles.
const afterPromises = setImmediate;

export class FakeClock implements Clock {
  readonly #startMs: number;
  readonly #settlePromises: () => Promise<void>;
  #elapsedMs = 0;
  /** Latest first, so that the next one to run is popped off the end. */
  readonly #timers: PendingTimer[] = [];
  #deferred: (() => void)[] = [];
  #liveTimerCount = 0;
  #isRunning = false;

  constructor(options: FakeClockOptions = {}) {
    this.#startMs = options.startMs ?? DEFAULT_START_MS;
    this.#settlePromises = options.settlePromises ?? turnOfEventLoop;
  }

  nowMs(): number {
    // Whole milliseconds, like `Date.now`; timers may be due between two of them.
    return Math.floor(this.#startMs + this.#elapsedMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that were set and neither ran nor were cancelled: what a closed component must leave at zero. */
  get pendingTimerCount(): number {
    return this.#liveTimerCount;
  }

  /** Monotonic time at which the next timer falls due; `undefined` when there is none. */
  get nextDueMs(): number | undefined {
    return this.#timers.findLast(({ isCancelled }) => !isCancelled)?.dueMs;
  }

  setTimer(delayMs: number, task: () => void): Timer {
    const timer: PendingTimer = {
      dueMs: this.#elapsedMs + Math.max(delayMs, 0),
      task,
      isCancelled: false,
    };
    this.#timers.splice(this.#insertionIndex(timer.dueMs), 0, timer);
    this.#liveTimerCount += 1;
    return {
      cancel: () => {
        if (timer.isCancelled) return;
        timer.isCancelled = true;
        this.#liveTimerCount -= 1;
      },
    };
  }

  defer(task: () => void): void {
    this.#deferred.push(task);
  }

  /** Moves time on by `ms`, stopping at every timer that falls due on the way. */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0)) throw new RangeError(`Time cannot move by ${ms} ms`);
    await this.#exclusively(() => this.#advanceTo(this.#elapsedMs + ms));
  }

  /** Lets promises settle and runs deferred tasks until nothing is left to do at this moment. Time stands still. */
  settle(): Promise<void> {
    return this.#exclusively(() => this.#settle());
  }

  async #advanceTo(targetMs: number): Promise<void> {
    let tasksAtThisMoment = 0;
    await this.#settle();
    for (;;) {
      const timer = this.#takeDue(targetMs);
      if (timer === undefined) break;
      tasksAtThisMoment = timer.dueMs > this.#elapsedMs ? 0 : tasksAtThisMoment + 1;
      if (tasksAtThisMoment > MAX_TASKS_WITHOUT_PROGRESS)
        throw new Error("Timers without delay re-arm for ever");
      this.#elapsedMs = timer.dueMs;
      timer.task();
      await this.#settle();
    }
    this.#elapsedMs = targetMs;
  }

  async #settle(): Promise<void> {
    let taskCount = 0;
    await this.#settlePromises();
    while (this.#deferred.length > 0) {
      const round = this.#deferred;
      this.#deferred = [];
      for (const task of round) {
        task();
        await this.#settlePromises();
        taskCount += 1;
      }
      if (taskCount > MAX_TASKS_WITHOUT_PROGRESS) throw new Error("Deferred tasks defer for ever");
    }
  }

  async #exclusively(run: () => Promise<void>): Promise<void> {
    if (this.#isRunning) throw new Error("The clock is already being moved: await the call before");
    this.#isRunning = true;
    try {
      await run();
    } finally {
      this.#isRunning = false;
    }
  }

  #takeDue(targetMs: number): PendingTimer | undefined {
    for (;;) {
      const next = this.#timers.at(-1);
      if (next === undefined || (next.dueMs > targetMs && !next.isCancelled)) return undefined;
      this.#timers.pop();
      if (next.isCancelled) continue;
      // Cancelling a timer that has run is allowed and does nothing.
      next.isCancelled = true;
      this.#liveTimerCount -= 1;
      return next;
    }
  }

  /** Before all timers of the same moment, because the end of the array runs first. */
  #insertionIndex(dueMs: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle]!.dueMs > dueMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** It begins only after every promise that could settle has done so. */
function turnOfEventLoop(): Promise<void> {
  return new Promise((resolve) => afterPromises(resolve));
}
