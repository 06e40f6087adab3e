import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks";

/** How busy this process has been lately. */
export interface LoadProbe {
  /** Share of the last window in which the event loop was working, 0 to 1. */
  utilization(): number;
  /** How much later than asked a timer ran in the last window, on average, in milliseconds. */
  delayMs(): number;
}

export interface NodeLoadProbe extends LoadProbe {
  /** Ends the measuring; the last values stay. */
  close(): void;
}

export interface CreateLoadProbeOptions {
  /** Shortest stretch of time that one answer speaks about. @default 250 */
  readonly windowMs?: number;
}

const DEFAULT_WINDOW_MS = 250;
/** How often the loop's delay is sampled: some ten samples in a window of the default length. */
const DELAY_RESOLUTION_MS = 20;
const NS_PER_MS = 1e6;

/**
 * Measures the event loop of this process. A window is closed by the first question that comes after its time, so an
 * idle server keeps no timer of its own for this.
 */
export function createLoadProbe(options: CreateLoadProbeOptions = {}): NodeLoadProbe {
  const windowMs = options.windowMs ?? DEFAULT_WINDOW_MS;
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delays.enable();

  let windowStartMs = performance.now();
  let startOfWindow: EventLoopUtilization = performance.eventLoopUtilization();
  let utilization = 0;
  let delayMs = 0;

  const closeWindowWhenDue = (): void => {
    const nowMs = performance.now();
    if (nowMs - windowStartMs < windowMs) return;
    windowStartMs = nowMs;
    const now = performance.eventLoopUtilization();
    utilization = clampToUnit(performance.eventLoopUtilization(now, startOfWindow).utilization);
    startOfWindow = now;
    // The samples are whole intervals between two ticks, so the resolution itself is part of each.
    if (delays.count > 0) delayMs = Math.max(0, delays.mean / NS_PER_MS - DELAY_RESOLUTION_MS);
    delays.reset();
  };

  return {
    utilization() {
      closeWindowWhenDue();
      return utilization;
    },
    delayMs() {
      closeWindowWhenDue();
      return delayMs;
    },
    close: () => {
      delays.disable();
    },
  };
}

function clampToUnit(value: number): number {
  return Math.min(1, Math.max(0, value));
}
