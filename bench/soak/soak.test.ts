import { expect, test } from "vitest";
import type { SoakSample } from "../saved-run.ts";
import { soakPlot } from "./soak-report.ts";
import { secondHalf, verdicts } from "./verdict.ts";

const MIB = 2 ** 20;

function sampleAt(minute: number, rssMib: number, handleCount = 300): SoakSample {
  return {
    atSecs: minute * 60,
    rssBytes: rssMib * MIB,
    heapBytes: 50 * MIB,
    heapTotalBytes: 60 * MIB,
    externalBytes: 10 * MIB,
    anonymousBytes: rssMib * MIB,
    handleCount,
    connectionCount: 100,
    storedBytes: 0,
    deliveredCount: 0,
  };
}

function minutes(rssAt: (minute: number) => number, handlesAt?: (minute: number) => number): SoakSample[] {
  return Array.from({ length: 61 }, (_, at) => sampleAt(at / 2, rssAt(at / 2), handlesAt?.(at / 2)));
}

function flatness(samples: readonly SoakSample[]): Record<string, boolean> {
  return Object.fromEntries(verdicts(samples).map(({ course, isFlat }) => [course.name, isFlat]));
}

test("what fills in the first half is not growth", () => {
  const samples = minutes((minute) => (minute < 10 ? 100 + minute * 10 : 200 + Math.sin(minute * 3) * 10));
  expect(secondHalf(samples)[0]?.atSecs).toBe(15 * 60);
  expect(flatness(samples)).toEqual({ rss: true, heap: true, handles: true });
});

test("a leak is found, in memory and in handles, with its pace", () => {
  const samples = minutes(
    (minute) => 200 + minute,
    (minute) => 300 + minute * 2,
  );
  expect(flatness(samples)).toEqual({ rss: false, heap: true, handles: false });
  const [rss] = verdicts(samples);
  expect(rss?.perHour).toBeCloseTo(60, 6);
  expect(rss?.rise).toBeCloseTo(15, 6);
});

test("what is given back is flat", () => {
  expect(flatness(minutes((minute) => 300 - minute))["rss"]).toBe(true);
});

test("no samples, no verdict; the plot has a panel for each course", () => {
  expect(verdicts([])).toEqual([]);
  expect(verdicts([sampleAt(0, 1)])).toEqual([]);
  const samples = minutes(() => 200);
  const svg = soakPlot({ contender: "tachikoma-sqlite", minutes: 30, samples, counts: {}, faults: [] });
  expect(svg.match(/class="fit"/g)).toHaveLength(3);
  expect(svg).toContain("Open handles");
});
