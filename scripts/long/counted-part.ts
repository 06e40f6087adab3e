/**
 * A part of the long test that is so many numbered trials of one program: it is run in slices, each a process of its own, so
 * that all cores work and a run that is ended goes on with the next slice.
 */
import { spawn } from "node:child_process";
import { loadJson, saveJson } from "./json-file.ts";

export interface CountedPart {
  readonly name: string;
  /** What is counted: `seeds`. */
  readonly unit: string;
  readonly totalCount: number;
  readonly sliceCount: number;
  /** Arguments of Node that run `count` trials from number `first` on. */
  argv(first: number, count: number): readonly string[];
}

export interface FailedSeed {
  readonly seed: number;
  readonly text: string;
}

interface Slice {
  readonly first: number;
  readonly count: number;
  readonly durationMs: number;
  readonly failures: readonly FailedSeed[];
}

export interface CountedState {
  readonly first: number;
  durationMs: number;
  readonly slices: Slice[];
}

export interface CountedSummary {
  readonly unit: string;
  readonly first: number;
  readonly count: number;
  readonly durationMs: number;
  readonly failures: readonly FailedSeed[];
}

export interface CountedRun {
  readonly part: CountedPart;
  /** Where it keeps what is done. */
  readonly statePath: string;
  readonly isResumed: boolean;
  /** Number of the first trial of a new run. */
  readonly first: number;
  readonly deadlineMs: number;
  readonly jobCount: number;
  readonly say: (text: string) => void;
}

export async function runCounted(run: CountedRun): Promise<CountedSummary> {
  const { part, statePath, say } = run;
  const earlier = run.isResumed ? (loadJson(statePath) as CountedState | undefined) : undefined;
  const state: CountedState = earlier ?? { first: run.first, durationMs: 0, slices: [] };
  const startedAtMs = performance.now();
  const earlierMs = state.durationMs;
  const open = openSlices(part, state);
  say(`${part.name}: ${part.totalCount} ${part.unit} from ${state.first} on, ${countOf(state)} are done`);
  const work = async () => {
    while (performance.now() < run.deadlineMs) {
      const next = open.shift();
      if (next === undefined) return;
      const slice = await runSlice(part, next.first, next.count);
      state.slices.push(slice);
      state.durationMs = Math.round(earlierMs + performance.now() - startedAtMs);
      saveJson(statePath, state);
      say(progressText(part, state));
      for (const { seed, text } of slice.failures) say(`  seed ${seed}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: run.jobCount }, work));
  return summaryOf(part, state);
}

export function summaryOf(part: Pick<CountedPart, "unit">, state: CountedState): CountedSummary {
  return {
    unit: part.unit,
    first: state.first,
    count: countOf(state),
    durationMs: state.durationMs,
    failures: state.slices.flatMap(({ failures }) => failures),
  };
}

/** The slices that are still to be done, in order. */
export function openSlices(part: CountedPart, state: CountedState): { first: number; count: number }[] {
  const done = new Set(state.slices.map(({ first }) => first));
  const slices: { first: number; count: number }[] = [];
  for (let offset = 0; offset < part.totalCount; offset += part.sliceCount) {
    const first = state.first + offset;
    if (!done.has(first)) slices.push({ first, count: Math.min(part.sliceCount, part.totalCount - offset) });
  }
  return slices;
}

/** Trials that failed, by what the program has printed of each: `seed 17: 2 problems, first C3: ...`. */
export function failuresIn(output: string): FailedSeed[] {
  return [...output.matchAll(/^seed (\d+): (.*)$/gm)].map(([, seed, text]) => ({
    seed: Number(seed),
    text: text!.slice(0, MAX_TEXT_CHARS),
  }));
}

const MAX_TEXT_CHARS = 300;

async function runSlice(part: CountedPart, first: number, count: number): Promise<Slice> {
  const startedAtMs = performance.now();
  const { output, code } = await outputOf(part.argv(first, count));
  const failures = failuresIn(output);
  if (code !== 0 && failures.length === 0)
    throw new Error(`${part.name} from ${first} on ended with ${code}: ${output.slice(-2_000)}`);
  return { first, count, durationMs: Math.round(performance.now() - startedAtMs), failures };
}

function outputOf(
  argv: readonly string[],
): Promise<{ readonly output: string; readonly code: number | null }> {
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
  const stop = () => child.kill("SIGKILL");
  process.once("exit", stop);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      process.off("exit", stop);
      resolve({ output, code });
    });
  });
}

function countOf({ slices }: CountedState): number {
  return slices.reduce((sum, { count }) => sum + count, 0);
}

function progressText(part: CountedPart, state: CountedState): string {
  const count = countOf(state);
  const failedCount = state.slices.reduce((sum, { failures }) => sum + failures.length, 0);
  const perSecond = count / (state.durationMs / 1_000);
  const leftMinutes = Math.max(1, Math.round((part.totalCount - count) / perSecond / 60));
  return (
    `${percent(count / part.totalCount)} ${part.name}: ${count} of ${part.totalCount} ${part.unit}, ${failedCount} failed, ` +
    `${perSecond.toFixed(0)} a second, about ${leftMinutes} min left`
  );
}

function percent(share: number): string {
  return `${Math.floor(share * 100)}%`.padStart(4);
}
