/** What a run has shown, fault class by fault class, for the published table. */
import type { FaultClass } from "../faults/fault-class.ts";
import { longRunRoundCount } from "../faults/fault-class.ts";
import type { TrialResult } from "../trial/run-trial.ts";
import type { RunState } from "./run-state.ts";

export interface FaultSummary {
  readonly name: string;
  readonly title: string;
  readonly injection: string;
  readonly holds: readonly string[];
  readonly releaseRoundCount: number;
  readonly longRunRoundCount: number;
  readonly roundCount: number;
  readonly trialCount: number;
  readonly recordCount: number;
  readonly failedTrialCount: number;
  readonly durationMs: number;
  /** From the end of a fault until every client was connected and at the head. */
  readonly medianCatchUpMs: number;
  readonly worstCatchUpMs: number;
}

export interface FailedTrial {
  readonly fault: string;
  readonly seed: number;
  readonly roundCount: number;
  readonly problems: readonly string[];
}

export interface ChaosSummary {
  readonly seed: number;
  readonly durationMs: number;
  readonly faults: readonly FaultSummary[];
  readonly failures: readonly FailedTrial[];
}

const MAX_SHOWN_PROBLEMS = 3;
const MAX_PROBLEM_CHARS = 200;

export function summaryOf(state: RunState, faults: readonly FaultClass[]): ChaosSummary {
  return {
    seed: state.seed,
    durationMs: state.durationMs,
    faults: faults.map((fault) =>
      faultSummary(
        fault,
        state.trials.filter((trial) => trial.fault === fault.name),
      ),
    ),
    failures: state.trials.filter(({ problems }) => problems.length > 0).map(failedTrial),
  };
}

function faultSummary(fault: FaultClass, trials: readonly TrialResult[]): FaultSummary {
  const { name, title, injection, holds, releaseRoundCount } = fault;
  const catchUpMs = trials.flatMap((trial) => trial.catchUpMs).toSorted((a, b) => a - b);
  const sum = (of: (trial: TrialResult) => number) => trials.reduce((total, trial) => total + of(trial), 0);
  return {
    name,
    title,
    injection,
    holds,
    releaseRoundCount,
    longRunRoundCount: longRunRoundCount(fault),
    roundCount: sum(({ roundCount }) => roundCount),
    trialCount: trials.length,
    recordCount: sum(({ recordCount }) => recordCount),
    failedTrialCount: trials.filter(({ problems }) => problems.length > 0).length,
    durationMs: sum(({ durationMs }) => durationMs),
    medianCatchUpMs: catchUpMs[Math.floor(catchUpMs.length / 2)] ?? 0,
    worstCatchUpMs: catchUpMs.at(-1) ?? 0,
  };
}

function failedTrial({ fault, seed, roundCount, problems }: TrialResult): FailedTrial {
  return {
    fault,
    seed,
    roundCount,
    problems: problems
      .slice(0, MAX_SHOWN_PROBLEMS)
      .map(({ check, text }) => `${check}: ${text.replaceAll("\n", " ").slice(0, MAX_PROBLEM_CHARS)}`),
  };
}
