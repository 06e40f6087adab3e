/** What a run of trials is asked to do. */
import { parseArgs } from "node:util";
import { type FaultClass, longRunRoundCount } from "../faults/fault-class.ts";
import { FAULT_CLASSES } from "../faults/index.ts";

export const USAGE = `node --conditions=source chaos/run.ts [options]

  --faults A,B    only these fault classes (or the beginning of a name: redis)
  --rounds N      rounds of each class, instead of a twentieth of those before a release
  --minutes N     no new trial after so many minutes; until then every class gets its share
  --jobs N        trials at the same time (default: 2)
  --seed N        where all trials take their seeds from (default: random, and printed)
  --replay N      one trial with exactly this seed; needs --faults, and the --rounds of the trial
  --results FILE  where the results are written, after each trial (default: chaos/results/run.json)
  --resume        goes on with what that file says is still to be done
  --list          prints the fault classes and ends
`;

export interface Plan {
  readonly faults: readonly FaultClass[];
  readonly roundCount: number | undefined;
  readonly maxMinutes: number;
  readonly jobCount: number;
  readonly seed: number | undefined;
  readonly replaySeed: number | undefined;
  readonly resultsPath: string | undefined;
  readonly isResumed: boolean;
  readonly mode: "run" | "list" | "help";
}

/** @throws what is wrong with the arguments */
export function planOf(argv: readonly string[]): Plan {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      faults: text,
      rounds: text,
      minutes: text,
      jobs: text,
      seed: text,
      replay: text,
      results: text,
      resume: flag,
      list: flag,
      help: flag,
    },
  });
  const faults = chosen(values.faults);
  const replaySeed = wholeNumber("--replay", values.replay, 0);
  if (replaySeed !== undefined && faults.length !== 1)
    throw new Error("--replay needs --faults with exactly one fault class");
  return {
    faults,
    roundCount: wholeNumber("--rounds", values.rounds, 1),
    maxMinutes: values.minutes === undefined ? Number.POSITIVE_INFINITY : minutes(values.minutes),
    jobCount: wholeNumber("--jobs", values.jobs, 1) ?? 2,
    seed: wholeNumber("--seed", values.seed, 0),
    replaySeed,
    resultsPath: values.results,
    isResumed: values.resume,
    mode: values.help ? "help" : values.list ? "list" : "run",
  };
}

/** How many rounds of a class a run is to make. */
export function targetOf(fault: FaultClass, plan: Pick<Plan, "roundCount">): number {
  return plan.roundCount ?? longRunRoundCount(fault);
}

function chosen(names: string | undefined): readonly FaultClass[] {
  if (names === undefined) return FAULT_CLASSES;
  return names.split(",").flatMap((name) => {
    const exact = FAULT_CLASSES.filter((fault) => fault.name === name);
    const found = exact.length > 0 ? exact : FAULT_CLASSES.filter((fault) => fault.name.startsWith(name));
    if (found.length > 0) return found;
    throw new Error(
      `There is no fault class ${name}; there are ${FAULT_CLASSES.map((fault) => fault.name).join(", ")}`,
    );
  });
}

function wholeNumber(option: string, text: string | undefined, min: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new Error(`${option} is ${text}: it must be a whole number from ${min} on`);
}

function minutes(text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new Error(`--minutes is ${text}: it must be a number above 0`);
}
