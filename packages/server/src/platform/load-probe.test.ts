import { expect, test } from "vitest";
import { createLoadProbe } from "./load-probe.ts";

function blockMs(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

async function turnsUntil(endMs: number, eachTurn: () => void): Promise<void> {
  while (performance.now() < endMs) {
    eachTurn();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a loop that only works shows full utilisation, and timers that run late show as delay", async () => {
  const probe = createLoadProbe({ windowMs: 200 });
  try {
    expect(probe.utilization()).toBe(0);
    expect(probe.delayMs()).toBe(0);
    await turnsUntil(performance.now() + 450, () => blockMs(60));
    expect(probe.utilization()).toBeGreaterThan(0.9);
    expect(probe.delayMs()).toBeGreaterThan(15);
  } finally {
    probe.close();
  }
});

test("a window that was spent waiting shows low utilisation", async () => {
  const probe = createLoadProbe({ windowMs: 100 });
  try {
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(probe.utilization()).toBeLessThan(0.5);
    expect(probe.utilization()).toBeGreaterThanOrEqual(0);
  } finally {
    probe.close();
  }
});

test("what lasts shows as sustained load, in the window after", async () => {
  const probe = createLoadProbe({ sustainedWindowMs: 1_000 });
  try {
    expect(probe.sustained()).toEqual({ delayP99Ms: 0, utilization: 0, heapShare: 0 });
    await turnsUntil(performance.now() + 1_300, () => blockMs(40));
    expect(probe.sustained().delayP99Ms).toBeGreaterThan(25);
    expect(probe.sustained().utilization).toBeGreaterThan(0.9);
    expect(probe.sustained().heapShare).toBeGreaterThan(0);
    expect(probe.sustained().heapShare).toBeLessThan(1);
  } finally {
    probe.close();
  }
});
