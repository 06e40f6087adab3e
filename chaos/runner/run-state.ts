/**
 * What has been done of a run, as a file that is written again after each trial: a run that is ended goes on from it, and it is
 * what the published table is made from.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { TrialResult } from "../trial/run-trial.ts";
import type { Environment } from "./environment.ts";

const MAX_KEPT_PROBLEMS = 10;
const MAX_PROBLEM_CHARS = 500;

export interface RunState {
  readonly seed: number;
  readonly startedAt: string;
  /** Time in which trials ran, over all sessions of the run. */
  durationMs: number;
  readonly environment: Environment;
  readonly trials: TrialResult[];
}

export function loadState(path: string): RunState | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as RunState) : undefined;
}

export function saveState(path: string, state: RunState): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, `${JSON.stringify(state, null, 1)}\n`);
  renameSync(`${path}.new`, path);
}

/** A trial as it is kept: a broken server has thousands of problems to tell of. */
export function keptTrial(result: TrialResult): TrialResult {
  const problems = result.problems
    .slice(0, MAX_KEPT_PROBLEMS)
    .map(({ check, text }) => ({ check, text: text.slice(0, MAX_PROBLEM_CHARS) }));
  return {
    ...result,
    durationMs: Math.round(result.durationMs),
    catchUpMs: result.catchUpMs.map(Math.round),
    problems,
  };
}

export function roundsDone(state: RunState, fault: string): number {
  return state.trials
    .filter((trial) => trial.fault === fault)
    .reduce((sum, { roundCount }) => sum + roundCount, 0);
}
