import type { RunResult } from "./run-seed.ts";

const SHOWN_PROBLEM_COUNT = 5;
const SHOWN_CHARS = 400;

/** What went wrong in a run, and how to see it again. */
export function failureText({ seed, problems }: Pick<RunResult, "seed" | "problems">): string {
  const shown = problems
    .slice(0, SHOWN_PROBLEM_COUNT)
    .map(({ check, text }) => `  ${check}: ${text.slice(0, SHOWN_CHARS)}`);
  return [
    `seed ${seed}: ${problems.length} problems`,
    ...shown,
    `replay: npx node --conditions=source sim/cli.ts --seed ${seed} --verbose`,
  ].join("\n");
}
