import type { Clock } from "./ports.ts";

/** Resolves with the work, whatever became of it, or after the time: whichever comes first. */
export function withinTime(clock: Clock, timeoutMs: number, work: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimer(timeoutMs, resolve);
    const finish = () => {
      timer.cancel();
      resolve();
    };
    work.then(finish, finish);
  });
}
