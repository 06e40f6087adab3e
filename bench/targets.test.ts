import { expect, test } from "vitest";
import { planOf } from "./plan.ts";
import type { WorkResult } from "./saved-run.ts";
import { judge, limitText, measuredText, TARGETS, targetLines } from "./targets.ts";
import type { Figures } from "./works/work.ts";

function resultOf(work: string, rows: Record<string, readonly Figures[]>): WorkResult {
  return {
    work,
    title: work,
    mainFigure: "cpuMicrosPerRecord",
    rows: Object.entries(rows).map(([contender, rounds]) => ({
      contender: contender as never,
      outcomes: rounds.map((figures) => ({ figures, faults: [] })),
    })),
  };
}

test("every target is of a work that is run, at the contenders that run it", () => {
  const works = new Map(planOf([]).works.map((work) => [work.name, work]));
  for (const { work, contender, measure } of TARGETS) {
    const { isFor = () => true } = works.get(work)!;
    expect(isFor(contender), `${work} for ${contender}`).toBe(true);
    if (measure.kind !== "value") expect(isFor(measure.peer), `${work} for ${measure.peer}`).toBe(true);
  }
});

test("a ratio is judged by the median of the ratios of the rounds", () => {
  const cpu = (values: readonly number[]) => values.map((cpuMicrosPerRecord) => ({ cpuMicrosPerRecord }));
  const results = [
    resultOf("fan-out-paced", { "plain-ws": cpu([10, 20, 10]), "tachikoma-memory": cpu([7, 15, 9]) }),
  ];
  const judged = judge(TARGETS[0]!, results);
  expect(judged.measured).toEqual({ median: 0.75, min: 0.7, max: 0.9 });
  expect(judged.isMet).toBe(true);
  expect(measuredText(judged)).toBe("0.75 (0.70-0.90)x");
  expect(limitText(TARGETS[0]!)).toBe("at most 0.78x");
  expect(targetLines(results)).toHaveLength(1);
});

test("a capacity has to be above its limit, and a difference is in its unit", () => {
  const capacity = TARGETS.find(({ isAtLeast }) => isAtLeast)!;
  const rows = { "plain-ws": [{ capacityPerSec: 10 }], "tachikoma-memory": [{ capacityPerSec: 79 }] };
  expect(judge(capacity, [resultOf("capacity", rows)]).isMet).toBe(false);
  const added = TARGETS.find(({ measure }) => measure.kind === "difference")!;
  const latency = { "plain-ws": [{ latencyP50Ms: 1 }], "tachikoma-memory": [{ latencyP50Ms: 1.25 }] };
  expect(measuredText(judge(added, [resultOf("token-latency", latency)]))).toBe("0.25 ms");
});

test("what was not measured is neither met nor missed", () => {
  const judged = judge(TARGETS[0]!, []);
  expect(judged.isMet).toBeUndefined();
  expect(measuredText(judged)).toBe("not measured");
  expect(targetLines([])).toEqual([]);
});
