import type { TrialResult } from "../trial/run-trial.ts";
import { runTrial } from "../trial/run-trial.ts";
import { type Plan, targetOf } from "./plan.ts";
import { keptTrial, type RunState, roundsDone, saveState } from "./run-state.ts";
import { type Progress, takeNext } from "./schedule.ts";

export interface RunAllOptions {
  readonly plan: Plan;
  readonly state: RunState;
  readonly resultsPath: string;
  readonly failureFolder: string;
  readonly say: (text: string) => void;
}

/** Makes trials until all rounds are made or the time is over. */
export async function runAll(options: RunAllOptions): Promise<void> {
  const { plan, state, resultsPath, say } = options;
  const progress = startingProgress(plan, state, say);
  const startedAtMs = performance.now();
  const earlierMs = state.durationMs;
  const deadlineMs = startedAtMs + plan.maxMinutes * 60_000;
  const work = async () => {
    for (;;) {
      if (performance.now() >= deadlineMs) return;
      const next = takeNext(progress, state.seed);
      if (next === undefined) return;
      const result = await runTrial({ ...next, failureFolder: options.failureFolder });
      state.trials.push(keptTrial(result));
      state.durationMs = Math.round(earlierMs + performance.now() - startedAtMs);
      saveState(resultsPath, state);
      report(result, progress, state, { say, sinceMs: startedAtMs, deadlineMs });
    }
  };
  await Promise.all(Array.from({ length: plan.jobCount }, work));
}

function startingProgress(plan: Plan, state: RunState, say: (text: string) => void): Progress[] {
  const progress: Progress[] = [];
  for (const fault of plan.faults) {
    const obstacle = fault.obstacle?.();
    if (obstacle !== undefined) {
      say(`${fault.name} is not run: ${obstacle}`);
      continue;
    }
    progress.push({
      fault,
      targetRounds: targetOf(fault, plan),
      takenRounds: roundsDone(state, fault.name),
      takenTrials: state.trials.filter((trial) => trial.fault === fault.name).length,
    });
  }
  return progress;
}

interface ReportOptions {
  readonly say: (text: string) => void;
  readonly sinceMs: number;
  readonly deadlineMs: number;
}

function report(
  result: TrialResult,
  progress: readonly Progress[],
  state: RunState,
  { say, sinceMs, deadlineMs }: ReportOptions,
): void {
  const targetCount = progress.reduce((sum, { targetRounds }) => sum + targetRounds, 0);
  const doneCount = progress.reduce((sum, { fault }) => sum + roundsDone(state, fault.name), 0);
  const failedCount = state.trials.filter(({ problems }) => problems.length > 0).length;
  const share = doneCount / targetCount;
  const elapsedMs = performance.now() - sinceMs;
  const leftMs = Math.min((elapsedMs / share) * (1 - share), deadlineMs - performance.now());
  const worstMs = Math.max(0, ...result.catchUpMs);
  say(
    `${percent(share)} ${result.fault}: ${result.roundCount} rounds in ${seconds(result.durationMs)}, caught up within ` +
      `${seconds(worstMs)}; ${doneCount} of ${targetCount} rounds, ${failedCount} trials failed, ` +
      `about ${Math.max(1, Math.round(leftMs / 60_000))} min left`,
  );
  if (result.problems.length > 0) say(failureText(result));
}

/** What went wrong in a trial, and how to see it again. */
export function failureText({ fault, seed, roundCount, problems, historyPath }: TrialResult): string {
  const shown = problems.slice(0, 5).map(({ check, text }) => `  ${check}: ${text.slice(0, 400)}`);
  return [
    `${fault}, seed ${seed}: ${problems.length} problems`,
    ...shown,
    `  history: ${historyPath}`,
    `  again: npx node --conditions=source chaos/run.ts --faults ${fault} --replay ${seed} --rounds ${Math.max(1, roundCount)}`,
  ].join("\n");
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`.padStart(4);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
