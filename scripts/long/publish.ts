import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { saveJson } from "./json-file.ts";
import type { LongResults } from "./long-results.ts";
import { type FoundRow, reliabilityPage } from "./reliability-page.ts";

export const RESULTS_PATH = fileURLToPath(new URL("../../docs/reliability-results.json", import.meta.url));
export const PAGE_PATH = fileURLToPath(new URL("../../docs/reliability.md", import.meta.url));

/** Parts that were not run keep what is published of them. */
export function publish(results: LongResults, found: readonly FoundRow[]): void {
  const before = existsSync(RESULTS_PATH) ? publishedResults() : {};
  saveJson(RESULTS_PATH, { ...before, ...results });
  writePage(found);
}

export function writePage(found: readonly FoundRow[]): void {
  writeFileSync(PAGE_PATH, reliabilityPage(publishedResults(), found));
}

export function publishedResults(): LongResults {
  return JSON.parse(readFileSync(RESULTS_PATH, "utf8")) as LongResults;
}
