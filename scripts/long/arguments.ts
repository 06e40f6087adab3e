import { parseArgs } from "node:util";

export const PART_NAMES = ["simulation", "differential", "chaos"] as const;
export type PartName = (typeof PART_NAMES)[number];

export const USAGE = `npm run test:long -- [part ...] [options]

  Runs the long tests: ${PART_NAMES.join(", ")}. Without a part, all of them, which takes about an hour.

  --minutes N        for all parts together, each with its share (default: 60)
  --seeds N          seeds of the simulation (default: 200000)
  --sequences N      sequences of calls for the simulated store and Redis (default: 10000)
  --faults A,B       only these fault classes
  --rounds N         rounds of each fault class (default: a twentieth of those before a release)
  --jobs N           processes at the same time (default: one per core)
  --seed N           where everything takes its seeds from (default: random, and printed)
  --resume           goes on with what the last run has left
  --publish          writes docs/reliability-results.json and docs/reliability.md
`;

export interface LongPlan {
  readonly parts: readonly PartName[];
  readonly minutes: number;
  readonly seedCount: number;
  readonly sequenceCount: number;
  readonly faults: string | undefined;
  readonly roundCount: number | undefined;
  readonly jobCount: number | undefined;
  readonly seed: number | undefined;
  readonly isResumed: boolean;
  readonly isPublished: boolean;
  readonly isHelp: boolean;
}

/** @throws what is wrong with the arguments */
export function longPlanOf(argv: readonly string[]): LongPlan {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      minutes: text,
      seeds: text,
      sequences: text,
      faults: text,
      rounds: text,
      jobs: text,
      seed: text,
      resume: flag,
      publish: flag,
      help: flag,
    },
  });
  const unknown = positionals.filter((name) => !PART_NAMES.includes(name as PartName));
  if (unknown.length > 0)
    throw new Error(`There is no part ${unknown.join(", ")}; there are ${PART_NAMES.join(", ")}`);
  return {
    parts: positionals.length === 0 ? PART_NAMES : (positionals as PartName[]),
    minutes: numberOf("--minutes", values.minutes) ?? 60,
    seedCount: numberOf("--seeds", values.seeds) ?? 200_000,
    sequenceCount: numberOf("--sequences", values.sequences) ?? 10_000,
    faults: values.faults,
    roundCount: numberOf("--rounds", values.rounds),
    jobCount: numberOf("--jobs", values.jobs),
    seed: numberOf("--seed", values.seed),
    isResumed: values.resume,
    isPublished: values.publish,
    isHelp: values.help,
  };
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`${option} is ${text}: it must be a number above 0`);
}
