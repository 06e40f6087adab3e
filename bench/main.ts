// The benchmark. See README.md for the method; `--help` for the options.

import { growthText } from "./growth/growth-report.ts";
import { runGrowth } from "./growth/run-growth.ts";
import { type Plan, planOf, USAGE } from "./plan.ts";
import { loadOfLastMinute, pinGenerator, pinningFault } from "./processor.ts";
import { loadRun, publishRun, saveRun, writePage } from "./publish/results-folder.ts";
import { runWorks } from "./run-works.ts";
import { hasFaults, type SavedRun } from "./saved-run.ts";
import { runSoak } from "./soak/run-soak.ts";
import { isFlat, soakText } from "./soak/soak-report.ts";
import { MIN_TELLING_MINUTES } from "./soak/verdict.ts";
import { surroundings } from "./surroundings.ts";
import { targetLines } from "./targets.ts";

const QUIET_LOAD = 0.5;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function prepare(plan: Plan): void {
  if (process.platform !== "linux")
    throw new Error(`The figures come from /proc: ${process.platform} has none`);
  if (!plan.isUnpinned) {
    const fault = pinningFault();
    if (fault !== undefined) throw new Error(`Cannot pin the processes: ${fault}. --unpinned runs without.`);
    pinGenerator();
  }
  const load = loadOfLastMinute();
  if (load > QUIET_LOAD)
    say(`The machine is not quiet (load ${load.toFixed(1)}): the figures will be noisy.`);
}

async function works(plan: Plan): Promise<SavedRun> {
  const begun = begin(plan);
  const results = await runWorks(plan, say);
  const lines = targetLines(results);
  if (lines.length > 0) print(`Targets${plan.isTelling ? "" : ", which are about the sizes of --full"}:`);
  for (const line of lines) print(line);
  if (results.some(({ rows }) => rows.some(({ outcomes }) => hasFaults(outcomes)))) process.exitCode = 1;
  return { kind: "works", ...begun, results };
}

async function growth(plan: Plan): Promise<SavedRun> {
  const begun = begin(plan);
  const series = await runGrowth(plan, say);
  for (const one of series) print(growthText(one));
  if (series.some(({ points }) => points.some(({ outcomes }) => hasFaults(outcomes)))) process.exitCode = 1;
  return { kind: "growth", ...begun, series };
}

async function soak(plan: Plan): Promise<SavedRun> {
  const begun = begin(plan);
  const soaks = [];
  for (const contender of plan.contenders) {
    const result = await runSoak(contender, plan, say);
    print(soakText(result));
    const tells = plan.minutes >= MIN_TELLING_MINUTES;
    if (result.faults.length > 0 || (tells && !isFlat(result))) process.exitCode = 1;
    soaks.push(result);
  }
  return { kind: "soak", ...begun, soaks };
}

function begin(plan: Plan): Pick<SavedRun, "startedAt" | "surroundings" | "isTelling"> {
  return {
    isTelling: plan.isTelling,
    startedAt: new Date().toISOString(),
    surroundings: surroundings(!plan.isUnpinned, { ...plan.sizes }),
  };
}

function publish(run: SavedRun): void {
  const leftOut = publishRun(run);
  if (leftOut.length > 0) say(`Not published, for its faults: ${leftOut.join(", ")}`);
  say(
    "Published: docs/performance.md is written anew; bench/results/published/ and docs/images/performance/ go with it",
  );
}

/** Of a run that has ended, or only the page anew. */
function publishSaved(plan: Plan): void {
  if (plan.files.length === 0) writePage();
  for (const file of plan.files) {
    const saved = loadRun(file);
    if (!saved.isTelling) throw new Error(`${file} was a look and no more: it is not published`);
    publish(saved);
  }
}

async function run(plan: Plan): Promise<void> {
  if (plan.command === "publish") return publishSaved(plan);
  prepare(plan);
  const saved = await { works, growth, soak }[plan.command](plan);
  say(`Written to ${saveRun(saved)}`);
  if (plan.isPublished) publish(saved);
}

try {
  const plan = planOf(process.argv.slice(2));
  if (plan.isHelp) process.stdout.write(USAGE);
  else await run(plan);
} catch (cause) {
  say(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}
