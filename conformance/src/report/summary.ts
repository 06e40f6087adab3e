import type { CaseResult, CaseStatus } from "../run.ts";

export interface Summary {
  readonly passedCount: number;
  readonly failedCount: number;
  readonly notApplicableCount: number;
  /** Rules of which a case was run. */
  readonly ruleCount: number;
}

export function summarize(results: readonly CaseResult[]): Summary {
  const countOf = (status: CaseStatus) => results.filter((result) => result.status === status).length;
  const rules = results.filter(({ status }) => status !== "not_applicable").map(({ case: one }) => one.rule);
  return {
    passedCount: countOf("passed"),
    failedCount: countOf("failed"),
    notApplicableCount: countOf("not_applicable"),
    ruleCount: new Set(rules).size,
  };
}

/** What the target would have to have, with how many cases that would make applicable. */
export function missingRequirements(results: readonly CaseResult[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { missing } of results)
    if (missing !== undefined) counts.set(missing, (counts.get(missing) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}
