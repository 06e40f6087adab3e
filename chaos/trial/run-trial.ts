/** One trial of one fault class: a cluster, some rounds of the fault on it, and a verdict. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dice } from "../../sim/dice.ts";
import { formatHistory } from "../../sim/history/history-file.ts";
import type { Problem } from "../../sim/recorder.ts";
import type { FaultClass } from "../faults/fault-class.ts";
import { finishTrial, type Verdict } from "./finish-trial.ts";
import { Trial } from "./trial.ts";

/** Sessions go with the logs, and what was read of an execution may be more than is left of it. */
const LOSSES: readonly string[] = ["session-lost", "subscription-lost", "fold"];

export interface TrialRun {
  readonly fault: FaultClass;
  readonly seed: number;
  readonly roundCount: number;
  /** Where the history of a failed trial is left. */
  readonly failureFolder: string;
  /** A fault of the server itself, from `sim/mutants/store-mutants.ts`. */
  readonly mutant?: string;
  readonly patienceMs?: number;
}

export interface TrialResult {
  readonly fault: string;
  readonly seed: number;
  /** Rounds that were made; fewer than asked for when one of them failed. */
  readonly roundCount: number;
  readonly durationMs: number;
  /** From the end of each fault until everyone had caught up. */
  readonly catchUpMs: readonly number[];
  readonly recordCount: number;
  readonly problems: readonly Problem[];
  /** Of a failed trial. */
  readonly historyPath?: string;
}

export async function runTrial(run: TrialRun): Promise<TrialResult> {
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-chaos-"));
  const catchUpMs: number[] = [];
  let trial: Trial | undefined;
  let verdict: Verdict = { problems: [], history: [] };
  try {
    trial = await startTrial(run, folder);
    verdict = await makeRounds(run, trial, catchUpMs);
  } catch (thrown) {
    const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    verdict = { ...verdict, problems: [...verdict.problems, { check: "thrown", text }] };
  } finally {
    await trial?.close();
    rmSync(folder, { recursive: true, force: true });
  }
  const { problems, history } = verdict;
  const result = {
    fault: run.fault.name,
    seed: run.seed,
    roundCount: catchUpMs.length,
    durationMs: performance.now() - startedAtMs,
    catchUpMs,
    recordCount: history.length,
    problems,
  };
  return problems.length === 0 ? result : { ...result, historyPath: keepFailure(run, verdict, trial) };
}

function startTrial({ fault, seed, mutant, patienceMs }: TrialRun, folder: string): Promise<Trial> {
  const cluster = { ...fault.cluster(new Dice(seed + 2)), ...(mutant === undefined ? {} : { mutant }) };
  return Trial.start({
    ...fault.trial,
    ...(patienceMs === undefined ? {} : { patienceMs }),
    seed,
    folder,
    cluster,
  });
}

async function makeRounds(
  { fault, seed, roundCount }: TrialRun,
  trial: Trial,
  catchUpMs: number[],
): Promise<Verdict> {
  const dice = new Dice(seed);
  const stop = await fault.prepare?.(trial);
  try {
    for (let round = 0; round < roundCount; round += 1) {
      await trial.untilBusy(dice);
      await trial.fault(`${fault.name} ${round + 1}`, async () => {
        await fault.round(trial, dice);
        await trial.cluster.heal();
      });
      const healedAtMs = performance.now();
      await trial.caughtUp();
      catchUpMs.push(performance.now() - healedAtMs);
      await trial.sampleMemory();
    }
  } catch (thrown) {
    // What was seen until then is judged all the same.
    trial.recorder.find(
      "thrown",
      thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    );
  } finally {
    await stop?.();
  }
  const options = { ...fault.checks, isDurable: fault.mayLoseRecords !== true };
  const { problems, history } = await finishTrial(trial, options);
  const own = (fault.judge?.(trial) ?? []).map((text) => ({ check: fault.name, text }));
  const excuses = [...(fault.excuses ?? []), ...(fault.mayLoseRecords === true ? LOSSES : [])];
  const isExcused = ({ check }: Problem) => excuses.includes(check);
  return { problems: [...problems, ...own].filter((problem) => !isExcused(problem)), history };
}

function keepFailure(
  { fault, seed, failureFolder }: TrialRun,
  { history }: Verdict,
  trial: Trial | undefined,
): string {
  mkdirSync(failureFolder, { recursive: true });
  const path = join(failureFolder, `${fault.name}-${seed}`);
  writeFileSync(`${path}.jsonl`, formatHistory(history));
  const lines = [...(trial?.recorder.trace() ?? []), ...(trial?.cluster.outputs() ?? [])];
  writeFileSync(`${path}.log`, `${lines.join("\n")}\n`);
  return `${path}.jsonl`;
}
