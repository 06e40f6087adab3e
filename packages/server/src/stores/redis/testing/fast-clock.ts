import type { Clock } from "../../../core/ports.ts";
import { systemClock } from "../../../platform/system-clock.ts";

/** A clock on which time passes so many times faster: for what takes seconds by design. */
export function fastClock(factor: number): Clock {
  return {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() * factor,
    setTimer: (delayMs, task) => systemClock.setTimer(delayMs / factor, task),
  };
}
