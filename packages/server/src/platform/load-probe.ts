import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** How busy this process has been lately. */
export interface LoadProbe {
  /** Share of the last window in which the event loop was working, 0 to 1. */
  utilization(): number;
  /** How much later than asked a timer ran in the last window, on average, in milliseconds. */
  delayMs(): number;
  /** What held for a longer while: one hiccup does not show in it. */
  sustained(): SustainedLoad;
}

export interface SustainedLoad {
  /** How much later than asked timers ran, 99th percentile. */
  readonly delayP99Ms: number;
  /** Share of the time in which the event loop was working, 0 to 1. */
  readonly utilization: number;
  /** Share of the heap's limit that was in use at the end, 0 to 1. */
  readonly heapShare: number;
}

export interface NodeLoadProbe extends LoadProbe {
  /** Ends the measuring; the last values stay. */
  close(): void;
}

export interface CreateLoadProbeOptions {
  /** Shortest stretch of time that one answer speaks about. @default 250 */
  readonly windowMs?: number;
  /** Stretch of time that `sustained` speaks about. @default 2000 */
  readonly sustainedWindowMs?: number;
}

const DEFAULT_WINDOW_MS = 250;
const DEFAULT_SUSTAINED_WINDOW_MS = 2_000;
/** How often the loop's delay is sampled: some ten samples in a window of the default length. */
const DELAY_RESOLUTION_MS = 20;
/** Two hundred samples in a window: one stall below a second is less than one in a hundred of them, two are more. */
const SUSTAINED_RESOLUTION_MS = 10;
const NS_PER_MS = 1e6;

/** Measures the event loop of this process. Its timers do not keep the process alive. */
export function createLoadProbe(options: CreateLoadProbeOptions = {}): NodeLoadProbe {
  const recent = measureRecent(options.windowMs ?? DEFAULT_WINDOW_MS);
  const sustained = measureSustained(options.sustainedWindowMs ?? DEFAULT_SUSTAINED_WINDOW_MS);
  return {
    utilization: () => recent.utilization(),
    delayMs: () => recent.delayMs(),
    sustained: () => sustained.load(),
    close: () => {
      recent.close();
      sustained.close();
    },
  };
}

/** A window is closed by the first question that comes after its time. */
function measureRecent(windowMs: number) {
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

/** Its windows are closed by a timer: a question after a quiet time must not be answered with what was before it. */
function measureSustained(windowMs: number) {
  const delays = monitorEventLoopDelay({ resolution: SUSTAINED_RESOLUTION_MS });
  delays.enable();
  let startOfWindow = performance.eventLoopUtilization();
  let load: SustainedLoad = { delayP99Ms: 0, utilization: 0, heapShare: 0 };

  const closeWindow = () => {
    const now = performance.eventLoopUtilization();
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    const p99Ms = delays.count === 0 ? 0 : delays.percentile(99) / NS_PER_MS - SUSTAINED_RESOLUTION_MS;
    load = {
      delayP99Ms: Math.max(0, p99Ms),
      utilization: clampToUnit(performance.eventLoopUtilization(now, startOfWindow).utilization),
      heapShare: clampToUnit(used_heap_size / heap_size_limit),
    };
    startOfWindow = now;
    delays.reset();
  };

  const timer = setInterval(closeWindow, windowMs).unref();
  return {
    load: () => load,
    close: () => {
      clearInterval(timer);
      delays.disable();
    },
  };
}

function clampToUnit(value: number): number {
  return Math.min(1, Math.max(0, value));
}
