import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { FaultClass } from "../faults/fault-class.ts";
import { longRunRoundCount } from "../faults/fault-class.ts";
import { FAULT_CLASSES } from "../faults/index.ts";
import type { TrialResult } from "../trial/run-trial.ts";
import { planOf } from "./plan.ts";
import { keptTrial, loadState, type RunState, roundsDone, saveState } from "./run-state.ts";
import { type Progress, seedOf, takeNext } from "./schedule.ts";
import { summaryOf } from "./summary.ts";

const folder = mkdtempSync(join(tmpdir(), "tachikoma-runner-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [first, second] = FAULT_CLASSES;

function progressOf(fault: FaultClass, targetRounds: number): Progress {
  return { fault: { ...fault, roundsPerTrial: 10 }, targetRounds, takenRounds: 0, takenTrials: 0 };
}

function trial(over: Partial<TrialResult> = {}): TrialResult {
  return {
    fault: first!.name,
    seed: 1,
    roundCount: 10,
    durationMs: 1_000,
    catchUpMs: [10, 30, 20],
    recordCount: 500,
    problems: [],
    ...over,
  };
}

describe("the schedule", () => {
  test("gives every class its share, and ends when all rounds are taken", () => {
    const progress = [progressOf(first!, 40), progressOf(second!, 15)];
    const taken: [string, number][] = [];
    for (let next = takeNext(progress, 7); next !== undefined; next = takeNext(progress, 7))
      taken.push([next.fault.name, next.roundCount]);
    expect(taken).toEqual([
      [first!.name, 10],
      [second!.name, 10],
      [first!.name, 10],
      [first!.name, 10],
      [second!.name, 5],
      [first!.name, 10],
    ]);
  });

  test("gives each trial a seed of its own, the same in every run", () => {
    const seeds = Array.from({ length: 100 }, (_, number) => seedOf(7, "cut", number));
    expect(new Set(seeds).size).toBe(100);
    expect(seedOf(7, "cut", 3)).toBe(seeds[3]);
    expect(seedOf(8, "cut", 3)).not.toBe(seeds[3]);
    expect(seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 31)).toBe(true);
  });
});

describe("the plan", () => {
  test("names classes in full or by their beginning, and says which there are", () => {
    expect(planOf(["--faults", "cut"]).faults.map(({ name }) => name)).toEqual(["cut"]);
    expect(planOf(["--faults", "redis-restart"]).faults).toHaveLength(3);
    expect(() => planOf(["--faults", "cat"])).toThrow(/There is no fault class cat; there are .*cut/);
  });

  test("refuses what cannot be meant", () => {
    expect(() => planOf(["--rounds", "0"])).toThrow("--rounds is 0");
    expect(() => planOf(["--replay", "3"])).toThrow("exactly one fault class");
    expect(() => planOf(["--minutes", "soon"])).toThrow("--minutes is soon");
  });

  test("a long run makes a twentieth of the rounds of a release", () => {
    for (const fault of FAULT_CLASSES) {
      expect(longRunRoundCount(fault)).toBeGreaterThanOrEqual(fault.releaseRoundCount / 20);
      expect(longRunRoundCount(fault)).toBeLessThan(fault.releaseRoundCount / 20 + 1);
    }
  });
});

describe("what has been done", () => {
  const state: RunState = {
    seed: 7,
    startedAt: "2026-11-25T10:00:00.000Z",
    durationMs: 5_000,
    environment: { node: "v24.0.0", redis: "7.0.15", platform: "linux 6.1", processorCount: 2 },
    trials: [trial(), trial({ seed: 2, roundCount: 4, problems: [{ check: "C3", text: "x".repeat(900) }] })],
  };

  test("is there again for who goes on with it", () => {
    const path = join(folder, "deep", "run.json");
    expect(loadState(path)).toBeUndefined();
    saveState(path, state);
    expect(loadState(path)).toEqual(state);
    expect(roundsDone(state, first!.name)).toBe(14);
  });

  test("is kept short, however much a broken server has to tell of", () => {
    const problems = Array.from({ length: 1_000 }, () => ({ check: "C1", text: "y".repeat(10_000) }));
    expect(JSON.stringify(keptTrial(trial({ problems }))).length).toBeLessThan(10_000);
  });

  test("is summed up class by class, those without a trial included", () => {
    const { faults, failures } = summaryOf(state, FAULT_CLASSES);
    expect(faults).toHaveLength(FAULT_CLASSES.length);
    expect(faults[0]).toMatchObject({
      name: first!.name,
      roundCount: 14,
      trialCount: 2,
      failedTrialCount: 1,
      recordCount: 1_000,
      medianCatchUpMs: 20,
      worstCatchUpMs: 30,
    });
    expect(faults[1]).toMatchObject({ roundCount: 0, trialCount: 0, worstCatchUpMs: 0 });
    expect(failures).toMatchObject([{ fault: first!.name, seed: 2, roundCount: 4 }]);
  });
});
