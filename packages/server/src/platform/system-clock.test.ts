import { afterEach, expect, test, vi } from "vitest";
import { MAX_TIMEOUT_MS, systemClock } from "./system-clock.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** vitest's clock refuses nothing, so what Node would do with a long timeout is checked here. */
function useNodeLikeTimers(): void {
  vi.useFakeTimers();
  const setFakeTimeout = globalThis.setTimeout;
  vi.spyOn(globalThis, "setTimeout").mockImplementation(((
    task: (...given: unknown[]) => void,
    delayMs: number,
    ...given: unknown[]
  ) => {
    return setFakeTimeout(task, delayMs > MAX_TIMEOUT_MS ? 1 : delayMs, ...given);
  }) as typeof setTimeout);
}

test("a timer longer than setTimeout can count runs at its time and not at once", () => {
  useNodeLikeTimers();
  const delayMs = 3 * MAX_TIMEOUT_MS + 1000;
  let runs = 0;
  systemClock.setTimer(delayMs, () => (runs += 1));
  vi.advanceTimersByTime(delayMs - 1);
  expect(runs).toBe(0);
  vi.advanceTimersByTime(1);
  expect(runs).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test("a long timer can be cancelled in any of its stretches", () => {
  useNodeLikeTimers();
  let runs = 0;
  const timer = systemClock.setTimer(2 * MAX_TIMEOUT_MS, () => (runs += 1));
  vi.advanceTimersByTime(MAX_TIMEOUT_MS + 5);
  timer.cancel();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(2 * MAX_TIMEOUT_MS);
  expect(runs).toBe(0);
});

test("a timer never runs before its time has passed", async () => {
  for (const delayMs of [0, 0.4, 1.5, 3]) {
    const startMs = systemClock.monotonicMs();
    await new Promise<void>((resolve) => systemClock.setTimer(delayMs, resolve));
    expect(systemClock.monotonicMs() - startMs).toBeGreaterThanOrEqual(delayMs);
  }
});

test("a process that was held up while it set a timer does not ask for a negative time", () => {
  useNodeLikeTimers();
  const asked = vi.spyOn(globalThis, "setTimeout");
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    nowMs += 10;
    return nowMs;
  });
  systemClock.setTimer(1, () => {});
  expect(asked.mock.calls.map(([, delayMs]) => delayMs)).toEqual([0]);
});

test("deferred tasks run in order, after what is already waiting", async () => {
  const events: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.defer(() => events.push("first"));
    systemClock.defer(() => {
      events.push("second");
      resolve();
    });
    queueMicrotask(() => events.push("microtask"));
  });
  expect(events).toEqual(["microtask", "first", "second"]);
});

test("the wall clock tells the time of day", () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
});
