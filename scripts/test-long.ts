// `npm run test:long`: the tests that take too long for every change. `-- --help` for the options.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FAULT_CLASSES } from "../chaos/faults/index.ts";
import { environment } from "../chaos/runner/environment.ts";
import type { RunState } from "../chaos/runner/run-state.ts";
import { type ChaosSummary, summaryOf } from "../chaos/runner/summary.ts";
import { type LongPlan, longPlanOf, type PartName, USAGE } from "./long/arguments.ts";
import { type CountedPart, type CountedSummary, runCounted } from "./long/counted-part.ts";
import { foundRows } from "./long/found-rows.ts";
import { loadJson, saveJson } from "./long/json-file.ts";
import { hasFailures, type LongResults } from "./long/long-results.ts";
import { publish } from "./long/publish.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FOLDER = join(ROOT, "test-long");
const MAX_SEED = 1_000_000;

const DIFFERENTIAL = "sim/differential/cli.ts";

/** Of the whole time; what one part leaves is there for those after it. */
const SHARES: Record<PartName, number> = { simulation: 0.55, differential: 0.1, chaos: 0.35 };

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function simulation({ seedCount }: LongPlan): CountedPart {
  return {
    name: "simulation",
    unit: "seeds",
    totalCount: seedCount,
    sliceCount: 1_000,
    argv: (first, count) => nodeArgv("sim/cli.ts", "--from", String(first), "--seeds", String(count)),
  };
}

function differential({ sequenceCount }: LongPlan): CountedPart {
  return {
    name: "differential",
    unit: "sequences",
    totalCount: sequenceCount,
    sliceCount: 500,
    argv: (first, count) => nodeArgv(DIFFERENTIAL, "--from", String(first), "--seeds", String(count)),
  };
}

function nodeArgv(program: string, ...argv: readonly string[]): string[] {
  return ["--conditions=source", join(ROOT, program), ...argv];
}

interface Run {
  readonly plan: LongPlan;
  readonly seed: number;
  /** When the part that runs now has had its time. */
  readonly deadlineMs: number;
}

function counted(part: CountedPart, { plan, seed, deadlineMs }: Run): Promise<CountedSummary> {
  return runCounted({
    part,
    statePath: join(FOLDER, `${part.name}.json`),
    isResumed: plan.isResumed,
    first: seed * 1_000 + 1,
    deadlineMs,
    jobCount: plan.jobCount ?? availableParallelism(),
    say,
  });
}

async function chaos({ plan, seed, deadlineMs }: Run): Promise<ChaosSummary> {
  const statePath = join(FOLDER, "chaos.json");
  const minutes = Math.max(0.1, (deadlineMs - performance.now()) / 60_000);
  const argv = nodeArgv("chaos/run.ts", "--results", statePath, "--minutes", minutes.toFixed(2));
  if (plan.isResumed) argv.push("--resume");
  else argv.push("--seed", String(seed));
  if (plan.faults !== undefined) argv.push("--faults", plan.faults);
  if (plan.roundCount !== undefined) argv.push("--rounds", String(plan.roundCount));
  if (plan.jobCount !== undefined) argv.push("--jobs", String(plan.jobCount));
  const child = spawn(process.execPath, argv, { stdio: "inherit" });
  await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  const state = loadJson(statePath) as RunState | undefined;
  if (state === undefined) throw new Error("The chaos trials have left no results");
  return summaryOf(state, FAULT_CLASSES);
}

async function runParts(plan: LongPlan): Promise<LongResults> {
  const seed = Math.round(plan.seed ?? Math.random() * MAX_SEED);
  say(`test:long --seed ${seed}, ${plan.minutes} minutes; what is done is kept in ${FOLDER}`);
  const startedAtMs = performance.now();
  let results: LongResults = { date: new Date().toISOString().slice(0, 10), environment: environment() };
  let share = 0;
  const parts = plan.parts.filter(isThere);
  const wholeShare = parts.reduce((sum, part) => sum + SHARES[part], 0);
  for (const part of parts) {
    share += SHARES[part] / wholeShare;
    const run = { plan, seed, deadlineMs: startedAtMs + share * plan.minutes * 60_000 };
    if (part === "chaos") results = { ...results, chaos: await chaos(run) };
    else if (part === "simulation")
      results = { ...results, simulation: await counted(simulation(plan), run) };
    else results = { ...results, differential: await counted(differential(plan), run) };
    saveJson(join(FOLDER, "results.json"), results);
  }
  return results;
}

function isThere(part: PartName): boolean {
  const isMissing = part === "differential" && !existsSync(join(ROOT, DIFFERENTIAL));
  if (isMissing) say(`${part} is not run: there is no ${DIFFERENTIAL}`);
  return !isMissing;
}

try {
  const plan = longPlanOf(process.argv.slice(2));
  if (plan.isHelp) say(USAGE);
  else {
    const results = await runParts(plan);
    if (plan.isPublished) publish(results, foundRows());
    say(hasFailures(results) ? "Something is broken: see above" : "Everything held");
    if (hasFailures(results)) process.exitCode = 1;
  }
} catch (cause) {
  say(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 2;
}
