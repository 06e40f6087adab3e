import type { Environment } from "../../chaos/runner/environment.ts";
import type { ChaosSummary } from "../../chaos/runner/summary.ts";
import type { CountedSummary } from "./counted-part.ts";

/** What a long test has shown, as it is published. */
export interface LongResults {
  /** Day on which it ended: `2026-11-25`. */
  readonly date: string;
  readonly environment: Environment;
  readonly simulation?: CountedSummary;
  readonly differential?: CountedSummary;
  readonly chaos?: ChaosSummary;
}

export function hasFailures({ simulation, differential, chaos }: LongResults): boolean {
  return [simulation, differential, chaos].some((part) => (part?.failures.length ?? 0) > 0);
}
