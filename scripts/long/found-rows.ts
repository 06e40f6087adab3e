import { readFileSync } from "node:fs";
import { FOUND } from "../../chaos/found.ts";
import type { FoundRow } from "./reliability-page.ts";

const SIMULATION_TEST = new URL("../../sim/simulation.test.ts", import.meta.url);

/** What the simulation has found is the list of seeds that its test runs again. */
export function foundRows(): FoundRow[] {
  return [
    ...simulationRows(readFileSync(SIMULATION_TEST, "utf8")),
    ...FOUND.map(({ fault, seed, text }) => ({ by: fault, seed, text })),
  ];
}

export function simulationRows(testSource: string): FoundRow[] {
  const list = /describe\("found by simulation"[\s\S]*?test\.each\(\[([\s\S]*?)\]\)\(/.exec(testSource)?.[1];
  if (list === undefined) throw new Error("The test of the simulation has no list of what it has found");
  return [...list.matchAll(/\[\s*"([^"]+)",\s*([\d_]+),?\s*\]/g)].map(([, text, seed]) => ({
    by: "simulation",
    seed: Number(seed!.replaceAll("_", "")),
    text: text!,
  }));
}
