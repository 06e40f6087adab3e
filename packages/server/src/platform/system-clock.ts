import type { Clock, Timer } from "../core/ports.ts";

/** What setTimeout can count to; it fires at once on anything longer. */
export const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The clock of this machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, task) => setSystemTimer(delayMs, task),
  defer: (task) => {
    setImmediate(task);
  },
};

function setSystemTimer(delayMs: number, task: () => void): Timer {
  const dueMs = performance.now() + Math.max(delayMs, 0);
  let timeout: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    // The process may have been held up since the time was computed; Node warns of a negative one.
    timeout = setTimeout(fire, Math.min(Math.max(Math.ceil(remainingMs), 0), MAX_TIMEOUT_MS));
  };
  // Looks at the clock again for two reasons: a long delay is counted in several stretches, and setTimeout counts whole
  // milliseconds, so it may come a fraction of one early.
  const fire = (): void => {
    const remainingMs = dueMs - performance.now();
    if (remainingMs > 0) arm(remainingMs);
    else task();
  };
  arm(dueMs - performance.now());
  return { cancel: () => clearTimeout(timeout) };
}
