import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FakeClock } from "./fake-clock.ts";

describe("FakeClock", () => {
  test("runs timers in the order of their due time, then of their making, at exactly their time", async () => {
    const clock = new FakeClock({ startMs: 1000 });
    const ran: [string, number][] = [];
    const note = (name: string) => () => ran.push([name, clock.nowMs()]);
    clock.setTimer(20, note("c"));
    clock.setTimer(10, note("a"));
    clock.setTimer(10, note("b"));
    await clock.advance(15);
    expect(ran).toEqual([
      ["a", 1010],
      ["b", 1010],
    ]);
    expect(clock.monotonicMs()).toBe(15);
    await clock.advance(5);
    expect(ran.at(-1)).toEqual(["c", 1020]);
  });

  test("a timer that a timer sets runs in the same advance when it falls due", async () => {
    const clock = new FakeClock();
    const ranAtMs: number[] = [];
    const repeat = (): void => {
      ranAtMs.push(clock.monotonicMs());
      clock.setTimer(10, repeat);
    };
    clock.setTimer(10, repeat);
    await clock.advance(35);
    expect(ranAtMs).toEqual([10, 20, 30]);
    expect(clock.pendingTimerCount).toBe(1);
  });

  test("promises settle between two timers", async () => {
    const clock = new FakeClock();
    const events: string[] = [];
    const longChain = async (): Promise<void> => {
      for (let step = 0; step < 50; step += 1) await Promise.resolve();
      events.push("settled");
    };
    clock.setTimer(1, () => void longChain());
    clock.setTimer(1, () => events.push("second timer"));
    await clock.advance(1);
    expect(events).toEqual(["settled", "second timer"]);
  });

  test("deferred tasks run before time moves, and those they defer after what was waiting", async () => {
    const clock = new FakeClock();
    const events: string[] = [];
    clock.defer(() => {
      events.push(`a at ${clock.monotonicMs()}`);
      clock.defer(() => events.push(`c at ${clock.monotonicMs()}`));
    });
    clock.defer(() => events.push(`b at ${clock.monotonicMs()}`));
    clock.setTimer(1, () => events.push("timer"));
    await clock.advance(1);
    expect(events).toEqual(["a at 0", "b at 0", "c at 0", "timer"]);
  });

  test("settle runs what is ready and lets time stand still", async () => {
    const clock = new FakeClock();
    const events: string[] = [];
    clock.setTimer(0, () => events.push("timer"));
    clock.defer(() => void Promise.resolve().then(() => clock.defer(() => events.push("deferred"))));
    await clock.settle();
    expect(events).toEqual(["deferred"]);
    await clock.advance(0);
    expect(events).toEqual(["deferred", "timer"]);
  });

  test("a cancelled timer does not run, and cancelling twice or too late does no harm", async () => {
    const clock = new FakeClock();
    let runs = 0;
    const early = clock.setTimer(5, () => (runs += 1));
    const done = clock.setTimer(1, () => (runs += 1));
    early.cancel();
    early.cancel();
    await clock.advance(10);
    done.cancel();
    expect(runs).toBe(1);
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("what a task throws reaches whoever moves the clock", async () => {
    const clock = new FakeClock();
    clock.setTimer(1, () => {
      throw new Error("from the task");
    });
    await expect(clock.advance(1)).rejects.toThrow("from the task");
    await clock.advance(1);
    expect(clock.monotonicMs()).toBe(2);
  });

  test("moving the clock while it moves is a mistake, not a surprise", async () => {
    const clock = new FakeClock();
    const first = clock.advance(1);
    await expect(clock.advance(1)).rejects.toThrow("already being moved");
    await first;
  });

  test("a task that defers itself for ever is reported", async () => {
    const clock = new FakeClock();
    const again = (): void => clock.defer(again);
    again();
    await expect(clock.settle()).rejects.toThrow("for ever");
  });

  test("any set of timers runs sorted by time, then by making", async () => {
    const delays = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(delays, async (delaysMs) => {
        const clock = new FakeClock();
        const ran: number[] = [];
        for (const [index, delayMs] of delaysMs.entries()) clock.setTimer(delayMs, () => ran.push(index));
        await clock.advance(20);
        const expected = delaysMs
          .map((delayMs, index) => ({ delayMs, index }))
          .sort((a, b) => a.delayMs - b.delayMs || a.index - b.index)
          .map(({ index }) => index);
        expect(ran).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});
