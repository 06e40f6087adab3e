// The benchmark. See README.md for the method; `--help` for the options.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Contender, type ContenderName } from "./contender.ts";
import { type Plan, planOf, USAGE } from "./plan.ts";
import { loadOfLastMinute, pinGenerator, pinningFault } from "./processor.ts";
import { type Row, tableOf } from "./report.ts";
import { type Outcome, speaksWebSocket, type Work } from "./works/work.ts";

const QUIET_LOAD = 0.5;

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The order of the contenders turns from round to round, forwards and backwards, so that none always follows the same one. */
function orderOf(contenders: readonly ContenderName[], round: number): ContenderName[] {
  if (contenders.length === 0) return [];
  const shift = Math.floor(round / 2) % contenders.length;
  const turned = [...contenders.slice(shift), ...contenders.slice(0, shift)];
  return round % 2 === 0 ? turned : turned.reverse();
}

async function measure(work: Work, name: ContenderName, plan: Plan): Promise<Outcome> {
  const contender = await Contender.start(name, {
    isPinned: !plan.isUnpinned,
    profileFolder: plan.profileFolder,
    settings: work.settings,
  });
  try {
    return await work.run(contender);
  } catch (cause) {
    return { figures: {}, faults: [cause instanceof Error ? cause.message : String(cause)] };
  } finally {
    await contender.dispose();
  }
}

async function runWork(work: Work, plan: Plan): Promise<Row[]> {
  const { isFor = speaksWebSocket } = work;
  const contenders = plan.contenders.filter((name) => isFor(name));
  const outcomes = new Map<ContenderName, Outcome[]>(contenders.map((name) => [name, []]));
  for (let round = 0; round < plan.roundCount; round += 1) {
    for (const name of orderOf(contenders, round)) {
      say(`${work.name}, round ${round + 1} of ${plan.roundCount}: ${name}`);
      outcomes.get(name)?.push(await measure(work, name, plan));
    }
  }
  return [...outcomes].map(([contender, rounds]) => ({ contender, outcomes: rounds }));
}

function surroundings(plan: Plan): object {
  return {
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model,
    coreCount: cpus().length,
    loadAtStart: loadOfLastMinute(),
    isPinned: !plan.isUnpinned,
    versions: { ws: versionOf("ws"), "socket.io": versionOf("socket.io") },
    sizes: plan.sizes,
  };
}

function versionOf(name: string): string {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;
}

async function run(plan: Plan): Promise<void> {
  if (process.platform !== "linux")
    throw new Error(`The figures come from /proc: ${process.platform} has none`);
  if (!plan.isUnpinned) {
    const fault = pinningFault();
    if (fault !== undefined) throw new Error(`Cannot pin the processes: ${fault}. --unpinned runs without.`);
    pinGenerator();
  }
  const about = surroundings(plan);
  const load = loadOfLastMinute();
  if (load > QUIET_LOAD)
    say(`The machine is not quiet (load ${load.toFixed(1)}): the figures will be noisy.`);
  const results: object[] = [];
  for (const work of plan.works) {
    const rows = await runWork(work, plan);
    process.stdout.write(`\n${tableOf(work, rows)}\n\n`);
    results.push({ work: work.name, title: work.title, mainFigure: work.mainFigure, rows });
    if (rows.some(({ outcomes }) => outcomes.some(({ faults }) => faults.length > 0))) process.exitCode = 1;
  }
  say(`Written to ${save({ ...about, results })}`);
}

function save(result: object): string {
  const folder = fileURLToPath(new URL("results", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const name = `${new Date().toISOString().slice(0, 19).replaceAll(":", "-")}.json`;
  writeFileSync(join(folder, name), `${JSON.stringify(result, null, 2)}\n`);
  return join("bench", "results", name);
}

try {
  const plan = planOf(process.argv.slice(2));
  if (plan.isHelp) process.stdout.write(USAGE);
  else await run(plan);
} catch (cause) {
  say(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}
