import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SavedRun } from "../saved-run.ts";
import { performancePage } from "./page.ts";
import { plotsOf, plotsOfAll } from "./plots.ts";
import { newestOf, worthPublishing } from "./published.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RESULTS = join("bench", "results");
/** In git, as the rest of the results is not. */
const PUBLISHED = join(RESULTS, "published");
const PLOTS = join("docs", "images", "performance");
const PAGE = join("docs", "performance.md");

/** Every run leaves all its rounds and its pictures, in a folder of its own. Returns its path in the repository. */
export function saveRun(run: SavedRun): string {
  const folder = join(RESULTS, nameOf(run));
  write(join(folder, "run.json"), json(run));
  for (const { name, svg } of plotsOf(run)) write(join(folder, name), svg);
  return folder;
}

/** Puts a run into git's reach and onto the page. Returns what was left out for its faults. */
export function publishRun(saved: SavedRun): readonly string[] {
  const { run, leftOut } = worthPublishing(saved);
  write(join(PUBLISHED, `${nameOf(run)}.json`), json(run));
  writePage();
  return leftOut;
}

/** The page and its pictures, from what is published. */
export function writePage(): void {
  const runs = publishedRuns();
  for (const { name, svg } of plotsOfAll(newestOf(runs))) write(join(PLOTS, name), svg);
  write(PAGE, performancePage(readPage(), runs));
}

/** `undefined` where there is none of this name. */
export function readPlot(name: string): string | undefined {
  const path = join(ROOT, PLOTS, name);
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

export function readPage(): string {
  return readFileSync(join(ROOT, PAGE), "utf8");
}

export function publishedRuns(): SavedRun[] {
  const folder = join(ROOT, PUBLISHED);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  return names.sort().map((name) => loadRun(join(folder, name)));
}

export function loadRun(path: string): SavedRun {
  return JSON.parse(readFileSync(path, "utf8")) as SavedRun;
}

function nameOf({ startedAt, kind }: SavedRun): string {
  return `${startedAt.slice(0, 19).replaceAll(":", "-")}-${kind}`;
}

function write(path: string, content: string): void {
  const whole = join(ROOT, path);
  mkdirSync(join(whole, ".."), { recursive: true });
  writeFileSync(whole, content);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 1)}\n`;
}
