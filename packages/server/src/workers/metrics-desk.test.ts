import { describe, expect, test } from "vitest";
import { FakeClock } from "../core/testing/fake-clock.ts";
import { MetricsDesk } from "./metrics-desk.ts";
import { MetricsGatherer } from "./metrics-gatherer.ts";

function desk(serving: readonly string[]) {
  const clock = new FakeClock();
  const asked: [string, number][] = [];
  const made = new MetricsDesk({
    clock,
    workers: ["1", "2", "3"],
    ask: (worker, roundId) => {
      if (!serving.includes(worker)) return false;
      asked.push([worker, roundId]);
      return true;
    },
  });
  return { clock, asked, desk: made };
}

describe("the parent", () => {
  test("answers when all who serve have told", async () => {
    const { clock, desk: made } = desk(["1", "3"]);
    const parts = made.gather();
    made.told("3", 1, "three");
    made.told("2", 1, "nobody asked");
    made.told("1", 1, "one");
    expect(await parts).toEqual([
      { worker: "1", text: "one" },
      { worker: "2", text: undefined },
      { worker: "3", text: "three" },
    ]);
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("does not wait for ever, and keeps rounds apart", async () => {
    const { clock, desk: made } = desk(["1", "2"]);
    const [first, second] = [made.gather(), made.gather()];
    made.told("1", 1, "a");
    made.told("1", 2, "b");
    made.told("2", 2, "c");
    expect((await second).map(({ text }) => text)).toEqual(["b", "c", undefined]);
    await clock.advance(1_000);
    expect((await first).map(({ text }) => text)).toEqual(["a", undefined, undefined]);
    made.told("2", 1, "too late");
  });

  test("answers at once when nobody serves", async () => {
    const { desk: made } = desk([]);
    expect((await made.gather()).map(({ text }) => text)).toEqual([undefined, undefined, undefined]);
  });
});

describe("a worker", () => {
  test("asks once for all who want to know", async () => {
    const asked: number[] = [];
    const clock = new FakeClock();
    const gatherer = new MetricsGatherer({ worker: "2", clock, ask: (id) => asked.push(id) });
    const both = [gatherer.gather("own"), gatherer.gather("own")];
    gatherer.gathered(1, [{ worker: "1", text: "all" }]);
    expect(await Promise.all(both)).toEqual([[{ worker: "1", text: "all" }], [{ worker: "1", text: "all" }]]);
    expect(asked).toEqual([1]);
    expect(clock.pendingTimerCount).toBe(0);
  });

  test("has its own where the parent says nothing", async () => {
    const clock = new FakeClock();
    const gatherer = new MetricsGatherer({ worker: "2", clock, ask: () => {} });
    const parts = gatherer.gather("own");
    await clock.advance(2_000);
    expect(await parts).toEqual([{ worker: "2", text: "own" }]);
  });
});
