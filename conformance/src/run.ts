/** Runs cases against a target: side by side where they leave the server alone, one after the other where they do not. */
import { type Case, isAlone } from "./case.ts";
import { within } from "./deadline.ts";
import { shown } from "./expectation.ts";
import type { ServerHooks } from "./hooks.ts";
import { missingRequirement, type Provisions, REQUIREMENTS, type RequirementName } from "./requirements.ts";
import type { Target } from "./target.ts";
import { NotApplicable, Trial } from "./trial.ts";

export type CaseStatus = "passed" | "failed" | "not_applicable";

export interface CaseResult {
  readonly case: Case;
  readonly status: CaseStatus;
  /** What the server would have to have for the case to apply. */
  readonly missing?: RequirementName;
  readonly durationMs: number;
  /** What was found, or why the case says nothing about this server. */
  readonly reason: string | undefined;
  /** What passed on the connections; only of cases that failed. */
  readonly transcript: readonly string[];
}

export interface RunOptions {
  readonly target: Target;
  readonly cases: readonly Case[];
  readonly hooks?: ServerHooks;
  /** Cases that run side by side. @default 16 */
  readonly jobs?: number;
  /** Lines of the transcript of a failed case. @default 40 */
  readonly maxTranscriptLines?: number;
  readonly onStart?: (one: Case) => void;
  readonly onResult?: (result: CaseResult) => void;
}

const DEFAULT_JOBS = 16;
const DEFAULT_TRANSCRIPT_LINES = 40;
/** A case waits several times, each with its own deadline; this only ends one that goes on for ever. */
const CASE_TIMEOUT_MS = 90_000;

/** The results in the order of the cases. */
export async function runCases(options: RunOptions): Promise<readonly CaseResult[]> {
  const { cases, jobs = DEFAULT_JOBS } = options;
  const results = new Map<Case, CaseResult>();
  const shared = new Map<string, Promise<unknown>>();
  const runOne = async (one: Case): Promise<void> => {
    options.onStart?.(one);
    const result = await runCase(one, options, shared);
    results.set(one, result);
    options.onResult?.(result);
  };
  const together = cases.filter((one) => !isAlone(one));
  // What takes long begins first, so that nobody waits for it at the end.
  const queue = [...together.filter(({ isSlow }) => isSlow), ...together.filter(({ isSlow }) => !isSlow)];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await runOne(next);
  };
  await Promise.all(Array.from({ length: Math.max(1, jobs) }, work));
  for (const one of cases.filter(isAlone)) await runOne(one);
  return cases.map((one) => results.get(one)!);
}

async function runCase(
  one: Case,
  options: RunOptions,
  shared: Map<string, Promise<unknown>>,
): Promise<CaseResult> {
  const { target, hooks = {} } = options;
  const missing = missingRequirement(one.requires, provisionsOf(target, hooks));
  if (missing !== undefined) {
    const reason = `needs ${missing}: ${REQUIREMENTS[missing].text}`;
    return { case: one, status: "not_applicable", missing, durationMs: 0, reason, transcript: [] };
  }
  const startedAtMs = performance.now();
  const trial = new Trial(target, hooks, shared);
  let failure: unknown;
  try {
    await within(CASE_TIMEOUT_MS, `case ${one.id}`, one.run(trial));
  } catch (cause) {
    failure = cause;
  }
  const { violations } = trial;
  trial.end();
  const durationMs = Math.round(performance.now() - startedAtMs);
  if (failure instanceof NotApplicable)
    return { case: one, status: "not_applicable", durationMs, reason: failure.message, transcript: [] };
  const faults = violations.map(({ rule, text }) => `${rule}: ${text}`).slice(0, 3);
  if (failure !== undefined) faults.unshift(failureText(failure));
  if (faults.length === 0)
    return { case: one, status: "passed", durationMs, reason: undefined, transcript: [] };
  const maxLines = options.maxTranscriptLines ?? DEFAULT_TRANSCRIPT_LINES;
  return {
    case: one,
    status: "failed",
    durationMs,
    reason: faults.join("\n"),
    transcript: trial.transcript.texts(maxLines),
  };
}

/** Hooks and a second node are there or not; nobody has to say so besides. */
function provisionsOf({ provisions, urls }: Target, hooks: ServerHooks): Provisions {
  return {
    ...provisions,
    ...(urls.length > 1 ? { "nodes:two": true as const } : {}),
    ...(hooks.stop === undefined ? {} : { "hook:stop": true as const }),
    ...(hooks.kill === undefined ? {} : { "hook:kill": true as const }),
    ...(hooks.start === undefined ? {} : { "hook:start": true as const }),
  };
}

function failureText(failure: unknown): string {
  if (!(failure instanceof Error)) return shown(failure);
  return failure.name === "Error" || failure.name === "TypeError" ? String(failure.stack) : failure.message;
}
