/**
 * How long deliveries are collected before they are written. On an idle server nothing waits: the first token goes out in the
 * same tick. As load grows the window opens, so that one write carries more and the cost per record falls.
 *
 *   utilization   0 .. 0.5   0.5 .. 0.9      above 0.9
 *   window        0          0 .. 40 ms      up to 100 ms, with the delay of the event loop
 */
const IDLE_UTILIZATION = 0.5;
const BUSY_UTILIZATION = 0.9;
const BUSY_WINDOW_MS = 40;
const MAX_WINDOW_MS = 100;

export function flushWindowMs(utilization: number, delayMs: number): number {
  if (utilization <= IDLE_UTILIZATION) return 0;
  if (utilization <= BUSY_UTILIZATION) {
    const share = (utilization - IDLE_UTILIZATION) / (BUSY_UTILIZATION - IDLE_UTILIZATION);
    return Math.round(share * BUSY_WINDOW_MS);
  }
  return Math.min(MAX_WINDOW_MS, BUSY_WINDOW_MS + Math.round(delayMs));
}
