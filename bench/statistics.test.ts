import { expect, test } from "vitest";
import { MarkTrack, Tally } from "./generator/tally.ts";
import { plainMark, scanMarks, sharedNowMicros, timedMark } from "./mark.ts";
import { cpuTicksOf } from "./processor.ts";
import { tableOf } from "./report.ts";
import { quantileOf, ratiosOf, spreadOf } from "./statistics.ts";

test("the median of an even count lies between the two in the middle", () => {
  expect(spreadOf([])).toBeUndefined();
  expect(spreadOf([3])).toEqual({ median: 3, min: 3, max: 3 });
  expect(spreadOf([9, 1, 2])).toEqual({ median: 2, min: 1, max: 9 });
  expect(spreadOf([4, 1, 100, 2])).toEqual({ median: 3, min: 1, max: 100 });
});

test("quantiles are values that were there", () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect(quantileOf(hundred, 0.5)).toBe(50);
  expect(quantileOf(hundred, 0.99)).toBe(99);
  expect(quantileOf(hundred, 1)).toBe(100);
  expect(quantileOf([7], 0.5)).toBe(7);
  expect(quantileOf([], 0.5)).toBeUndefined();
});

test("ratios are of the same round, and of rounds that both have", () => {
  expect(ratiosOf([2, 9, undefined, 4], [1, 3, 5, undefined])).toEqual([2, 3]);
  expect(ratiosOf([2], [0])).toEqual([]);
});

test("processor time is found behind a name with spaces and brackets", () => {
  expect(cpuTicksOf("12 (a) b (c) S 1 12 12 0 -1 4194560 900 0 0 0 250 50 7 8 20 0 7 0 100")).toBe(300);
});

test("marks are found in a text, with the time of those that have one", () => {
  const before = sharedNowMicros();
  const bytes = Buffer.from(`{"delta":"${plainMark(41)}${timedMark(42)}${plainMark(43)}"}|000099 `);
  const marks: [number, number | undefined][] = [];
  scanMarks(bytes, 0, bytes.length - 8, (index, madeAtMicros) => marks.push([index, madeAtMicros]));
  expect(marks.map(([index]) => index)).toEqual([41, 42, 43]);
  expect(marks[0]?.[1]).toBeUndefined();
  expect(marks[1]?.[1]).toBeGreaterThanOrEqual(before);
  expect(marks[1]?.[1]).toBeLessThanOrEqual(sharedNowMicros());
});

test("a gap is lost and a repetition is a duplicate, and neither is counted as delivered", () => {
  const tally = new Tally();
  const track = new MarkTrack(tally);
  for (const index of [0, 1, 1, 4]) track.note(index, undefined);
  expect(tally).toMatchObject({ deliveredCount: 3, duplicateCount: 1, lostCount: 2 });
});

test("the table compares each round with the peer of the same round", () => {
  const outcome = (cpuMicrosPerRecord: number) => ({ figures: { cpuMicrosPerRecord }, faults: [] });
  const table = tableOf({ title: "Work", mainFigure: "cpuMicrosPerRecord" }, [
    { contender: "plain-ws", outcomes: [outcome(10), outcome(20)] },
    { contender: "tachikoma-memory", outcomes: [outcome(5), { figures: {}, faults: ["7 records lost"] }] },
  ]);
  expect(table.split("\n").map((line) => line.trim().split(/ {2,}/))).toEqual([
    ["Work"],
    ["CPU µs/record", "to plain-ws", "to tachikoma-memory"],
    ["plain-ws", "15.00 (10.00-20.00)", "1.00", "2.00"],
    ["tachikoma-memory", "5.00", "0.50", "1.00"],
    ["! tachikoma-memory, round 2: 7 records lost"],
  ]);
});
