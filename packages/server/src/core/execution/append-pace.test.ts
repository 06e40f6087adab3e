import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "../testing/fake-clock.ts";
import { AppendGrid } from "./append-grid.ts";
import { appendIntervalMs, ChunkMeter } from "./append-pace.ts";

const quiet = { chunksPerSec: 100, gapMs: 20, maxCollectMs: 60, storeIntervalMs: 0, windowMs: 0 };
const busy = { ...quiet, chunksPerSec: 50_000 };

describe("how long chunks collect", () => {
  test.each([
    ["until three have come, on a quiet node", quiet, 60],
    ["no longer than is allowed for slow ones", { ...quiet, gapMs: 500 }, 60],
    ["no less than 40 ms for fast ones", { ...quiet, gapMs: 2 }, 40],
    ["not at all where that is asked for", { ...quiet, maxCollectMs: 0 }, 0],
    [
      "as long as the store asks for, whatever the load",
      { ...quiet, maxCollectMs: 0, storeIntervalMs: 45 },
      45,
    ],
    ["until four have come, on a busy node", busy, 80],
    ["no longer than 80 ms on a busy node", { ...busy, gapMs: 500 }, 80],
    ["for its sake also where each should go at once", { ...busy, maxCollectMs: 0 }, 80],
    ["as long as an overloaded event loop asks for", { ...quiet, windowMs: 100 }, 100],
  ])("%s", (_, input, expectedMs) => {
    expect(appendIntervalMs(input)).toBe(expectedMs);
  });

  test("more load never means less collecting", () => {
    const rate = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(rate, rate, fc.double({ min: 0, max: 1_000, noNaN: true }), (one, other, gapMs) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const at = (chunksPerSec: number) => appendIntervalMs({ ...quiet, gapMs, chunksPerSec });
        expect(at(less)).toBeLessThanOrEqual(at(more));
      }),
    );
  });
});

test("the meter says what was counted in the last window that is over", async () => {
  const clock = new FakeClock();
  const meter = new ChunkMeter(() => clock.monotonicMs());
  meter.add(1_000);
  expect(meter.perSec()).toBe(0);
  await clock.advance(250);
  expect(meter.perSec()).toBe(4_000);
  await clock.advance(500);
  expect(meter.perSec()).toBe(0);
});

test("what waits for the same moment is called in one turn; what was taken back is not", async () => {
  const clock = new FakeClock();
  const grid = new AppendGrid(clock);
  const called: string[] = [];
  const forgotten = () => called.push("forgotten");
  grid.add(40, () => called.push("one"));
  grid.add(40, forgotten);
  grid.add(80, () => called.push("later"));
  grid.remove(40, forgotten);
  await clock.advance(40);
  expect(called).toEqual(["one"]);
  await clock.advance(40);
  expect(called).toEqual(["one", "later"]);
  expect(clock.pendingTimerCount).toBe(0);
});
