/** The report and the list of the cases for programs. Names are in snake_case, as in the protocol. */
import { PROTOCOL_VERSION } from "@tachikoma/protocol";
import type { Case } from "../case.ts";
import { REQUIREMENTS, type RequirementName } from "../requirements.ts";
import type { CaseResult } from "../run.ts";
import type { Target } from "../target.ts";
import { UNOBSERVED } from "../unobserved.ts";
import { VERSION } from "../version.ts";
import { summarize } from "./summary.ts";

export interface JsonReportOptions {
  readonly target: Target;
  readonly results: readonly CaseResult[];
  readonly startedAt: Date;
  readonly durationMs: number;
}

export function jsonReport({ target, results, startedAt, durationMs }: JsonReportOptions): object {
  const { passedCount, failedCount, notApplicableCount, ruleCount } = summarize(results);
  return {
    suite_version: VERSION,
    protocol_version: PROTOCOL_VERSION,
    targets: target.urls.map(({ origin, pathname, host, protocol }) =>
      origin === "null" ? `${protocol}//${host}${pathname}` : `${origin}${pathname}`,
    ),
    started_at: startedAt.toISOString(),
    duration_ms: Math.round(durationMs),
    summary: {
      passed: passedCount,
      failed: failedCount,
      not_applicable: notApplicableCount,
      rules: ruleCount,
    },
    cases: results.map(({ case: one, status, durationMs: tookMs, reason, transcript }) => ({
      ...caseFields(one),
      status,
      duration_ms: tookMs,
      ...(reason === undefined ? {} : { reason }),
      ...(transcript.length === 0 ? {} : { transcript }),
    })),
  };
}

/** What there is to run, and what it needs. */
export function jsonList(cases: readonly Case[]): object {
  const needed = new Set(cases.flatMap(({ requires }) => requires));
  return {
    suite_version: VERSION,
    protocol_version: PROTOCOL_VERSION,
    cases: cases.map(caseFields),
    unobserved_rules: UNOBSERVED,
    requirements: Object.fromEntries(
      (Object.keys(REQUIREMENTS) as RequirementName[])
        .filter((name) => needed.has(name))
        .map((name) => [name, REQUIREMENTS[name]]),
    ),
  };
}

function caseFields({ id, rule, section, title, requires }: Case) {
  return { id, rule, section, title, requires };
}
