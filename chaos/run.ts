/** Trials of all fault classes on real processes. `--help` for the options. */

import { fileURLToPath } from "node:url";
import { longRunRoundCount } from "./faults/fault-class.ts";
import { FAULT_CLASSES } from "./faults/index.ts";
import { environment } from "./runner/environment.ts";
import { type Plan, planOf, USAGE } from "./runner/plan.ts";
import { failureText, runAll } from "./runner/run-all.ts";
import { loadState, type RunState, saveState } from "./runner/run-state.ts";
import { runTrial } from "./trial/run-trial.ts";

const FAILURE_FOLDER = fileURLToPath(new URL("failures", import.meta.url));
const RESULTS_PATH = fileURLToPath(new URL("results/run.json", import.meta.url));
const MAX_SEED = 1_000_000;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function run(plan: Plan): Promise<void> {
  if (plan.replaySeed !== undefined) return await replay(plan, plan.replaySeed);
  const resultsPath = plan.resultsPath ?? RESULTS_PATH;
  const earlier = plan.isResumed ? loadState(resultsPath) : undefined;
  if (plan.isResumed && earlier === undefined)
    say(`There is no ${resultsPath} to go on from: a new run begins`);
  const state = earlier ?? freshState(plan.seed ?? Math.floor(Math.random() * MAX_SEED));
  say(`chaos: --seed ${state.seed}, results in ${resultsPath}`);
  await runAll({ plan, state, resultsPath, failureFolder: FAILURE_FOLDER, say });
  saveState(resultsPath, state);
  const failed = state.trials.filter(({ problems }) => problems.length > 0);
  const roundCount = state.trials.reduce((sum, trial) => sum + trial.roundCount, 0);
  say(`${state.trials.length} trials, ${roundCount} rounds, ${failed.length} trials failed`);
  if (failed.length > 0) process.exitCode = 1;
}

async function replay({ faults, roundCount }: Plan, seed: number): Promise<void> {
  const fault = faults[0]!;
  const result = await runTrial({
    fault,
    seed,
    roundCount: roundCount ?? fault.roundsPerTrial,
    failureFolder: FAILURE_FOLDER,
  });
  const caughtUp = result.catchUpMs.map((ms) => Math.round(ms)).join(", ");
  say(
    `${fault.name}: ${result.roundCount} rounds, ${result.recordCount} records, caught up in ms: ${caughtUp}`,
  );
  if (result.problems.length === 0) return say("Nothing is wrong");
  say(failureText(result));
  process.exitCode = 1;
}

function freshState(seed: number): RunState {
  return { seed, startedAt: new Date().toISOString(), durationMs: 0, environment: environment(), trials: [] };
}

function list(): void {
  for (const fault of FAULT_CLASSES)
    say(`${fault.name.padEnd(24)} ${String(longRunRoundCount(fault)).padStart(4)}  ${fault.title}`);
}

try {
  const plan = planOf(process.argv.slice(2));
  if (plan.mode === "help") say(USAGE);
  else if (plan.mode === "list") list();
  else await run(plan);
} catch (cause) {
  say(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 2;
}
