import { describe, expect, test } from "vitest";
import type { GrowthRun, SavedRun, SoakRun, WorksRun } from "../saved-run.ts";
import type { Figures, Outcome } from "../works/work.ts";
import { performancePage } from "./page.ts";
import { plotsOf, plotsOfAll } from "./plots.ts";
import { newestOf, worthPublishing } from "./published.ts";
import { publishedRuns, readPage, readPlot } from "./results-folder.ts";

const surroundings = {
  node: "v24.0.0",
  kernel: "6.1",
  processor: "A processor",
  coreCount: 2,
  loadAtStart: 0.1,
  isPinned: true,
  versions: {},
  sizes: {},
};

const outcome = (figures: Figures, faults: readonly string[] = []): Outcome => ({ figures, faults });

function worksRun(startedAt: string, ownMicros: number, peerFaults: readonly string[] = []): WorksRun {
  const cpu = (cpuMicrosPerRecord: number, faults?: readonly string[]) =>
    outcome({ cpuMicrosPerRecord }, faults);
  return {
    kind: "works",
    startedAt,
    surroundings,
    isTelling: true,
    results: [
      {
        work: "fan-out-paced",
        title: "Fan-out: 1 channel | 3 subscribers",
        mainFigure: "cpuMicrosPerRecord",
        rows: [
          { contender: "plain-ws", outcomes: [cpu(10, peerFaults), cpu(20)] },
          { contender: "tachikoma-memory", outcomes: [cpu(ownMicros), cpu(ownMicros * 2)] },
        ],
      },
    ],
  };
}

function growthRun(): GrowthRun {
  const points = (dimension: string, figuresAt: (size: number) => Figures, sizes: readonly number[]) => ({
    dimension,
    contender: "tachikoma-memory" as const,
    points: sizes.map((size) => ({ size, outcomes: [outcome(figuresAt(size))] })),
  });
  return {
    kind: "growth",
    startedAt: "2026-01-03T00:00:00Z",
    surroundings,
    isTelling: true,
    series: [
      points(
        "connections",
        (size) => ({ rssMib: 100 + size / 50, cpuPercent: size / 2_500 }),
        [1_000, 2_000, 4_000],
      ),
      points(
        "token-rate",
        (size) => ({ cpuMicrosPerRecord: 10 / size ** 0.5, recordsPerSec: size * 200 }),
        [10, 20, 40],
      ),
    ],
  };
}

function soakRun(): SoakRun {
  const samples = Array.from({ length: 20 }, (_, at) => ({
    atSecs: at * 60,
    rssBytes: 2e8,
    heapBytes: 5e7,
    heapTotalBytes: 6e7,
    externalBytes: 1e6,
    anonymousBytes: 2e8,
    handleCount: 100,
    connectionCount: 50,
    storedBytes: 1e6,
    deliveredCount: at,
  }));
  const soaks = [
    { contender: "tachikoma-sqlite", minutes: 20, samples, counts: { records: 19 }, faults: [] },
  ] as const;
  return { kind: "soak", startedAt: "2026-01-04T00:00:00Z", surroundings, isTelling: true, soaks };
}

const allRuns: readonly SavedRun[] = [
  worksRun("2026-01-02T00:00:00Z", 7),
  worksRun("2026-01-01T00:00:00Z", 9),
  growthRun(),
  soakRun(),
];

describe("docs/performance.md", () => {
  test("is what the published runs make of it", () => {
    const page = readPage();
    expect(performancePage(page, publishedRuns())).toBe(page);
  });

  test("has pictures that are made of the same runs", () => {
    for (const { name, svg } of plotsOfAll(newestOf(publishedRuns()))) expect(readPlot(name), name).toBe(svg);
  });

  test("changes only between its markers, and is the same when it is made again", () => {
    const page = readPage();
    const made = performancePage(page, allRuns);
    expect(performancePage(made, allRuns)).toBe(made);
    expect(performancePage(made, publishedRuns())).toBe(page);
  });

  test("without a marker is refused", () => {
    expect(() => performancePage("# Performance", [])).toThrow("targets:start");
  });

  test("has the newest of each work, its targets, the growth, the paper, the soak and the history", () => {
    const made = performancePage(readPage(), allRuns);
    expect(made).toContain(
      "| fan-out, nothing to batch: CPU per delivery | memory to plain-ws | at most 0.78x | 0.70x | yes |",
    );
    expect(made).toContain("1 met, 0 not met");
    expect(made).toContain("Fan-out: 1 channel | 3 subscribers. 2 rounds, 2026-01-02, Node 24.0.0");
    expect(made).toContain("| Resident memory, MiB | 120 | 140 | 180 | 100 + 0.02 x (R² 1.000) |");
    expect(made).toContain("x^-0.50 (R² 1.000)");
    expect(made).toContain("| CPU of heartbeats | 4 cores |");
    expect(made).toMatch(/Soak of tachikoma-sqlite, 20 minutes: 19 records; flat\. Nothing was lost/);
    expect(made).toMatch(/\| fan-out[^\n]+\| 0\.90 \| 0\.70 \|/);
    expect(made).not.toMatch(/NaN|undefined|Infinity/);
    const images = [...made.matchAll(/images\/performance\/([\w.-]+)/g)].map(([, name]) => name);
    expect(images).toEqual(expect.arrayContaining(allRuns.flatMap(plotsOf).map(({ name }) => name)));
  });
});

test("a work in which we failed is not published; a peer's failed round is, without its figures", () => {
  const sound = worthPublishing(worksRun("2026-01-01T00:00:00Z", 7, ["refused"]));
  expect(sound.leftOut).toEqual([]);
  const [result] = newestOf([sound.run]).works;
  expect(result?.item.rows[0]?.outcomes).toEqual([
    { figures: {}, faults: ["refused"] },
    { figures: { cpuMicrosPerRecord: 20 }, faults: [] },
  ]);
  const faulty = worksRun("2026-01-01T00:00:00Z", 7);
  const rows = faulty.results[0]!.rows.map((row) => ({
    ...row,
    outcomes: [outcome({}, ["3 records lost"])],
  }));
  const published = worthPublishing({ ...faulty, results: [{ ...faulty.results[0]!, rows }] });
  expect(published.leftOut).toEqual(["fan-out-paced"]);
  expect(newestOf([published.run]).works).toEqual([]);
});

test("of runs in any order the newest counts", () => {
  const { works } = newestOf(allRuns);
  expect(works.map(({ startedAt }) => startedAt)).toEqual(["2026-01-02T00:00:00Z"]);
});
