/** What is run, and how large. */
import { parseArgs } from "node:util";
import { CONTENDERS, type ContenderName } from "./contender.ts";
import type { GrowthPlan } from "./growth/run-growth.ts";
import { FULL, QUICK, SIZE_OPTIONS, type Sizes } from "./sizes.ts";
import type { SoakPlan } from "./soak/run-soak.ts";
import { MIN_TELLING_MINUTES } from "./soak/verdict.ts";
import { worksOf } from "./works/all-works.ts";
import type { Work } from "./works/work.ts";

const HELP_INDENT = 21;
const MAX_HELP_CHARS = 120;

export const USAGE = `npm run bench -- [works] [options]       the works side by side
npm run bench -- growth [options]        how cost grows with connections, subscribers, token rate and history
npm run bench -- soak --minutes N        steady mixed load; says whether memory is flat
npm run bench -- publish [run.json ...]  writes docs/performance.md, with these runs if there are any

  --quick            small sizes, one round: about six minutes (the default)
  --full             large sizes, five rounds: some hours
  --rounds N         rounds of each work (growth: 1, with --full 3)
  --only A,B         works: ${wrapped(worksOf(QUICK).map(({ name }) => name))}
                     (or the beginning of a name: fan-out)
  --contenders A,B   ${CONTENDERS.join(", ")}
                     (growth: tachikoma-memory, soak: tachikoma-sqlite, where nothing is said)
  --minutes N        of the soak (default: 30)
  --SIZE N           ${wrapped(Object.keys(SIZE_OPTIONS))}
  --publish          with --full, or a soak of ${MIN_TELLING_MINUTES} minutes: writes docs/performance.md and what it is made from
  --profile FOLDER   each server leaves a CPU profile there
  --unpinned         without a core for each side; the figures say so
`;

function wrapped(words: readonly string[]): string {
  const lines = [""];
  for (const [at, word] of words.entries()) {
    const piece = at === words.length - 1 ? word : `${word}, `;
    if (HELP_INDENT + lines.at(-1)!.length + piece.length > MAX_HELP_CHARS) lines.push("");
    lines.push(lines.pop()! + piece);
  }
  return lines.map((line) => line.trimEnd()).join(`\n${" ".repeat(HELP_INDENT)}`);
}

const COMMANDS = ["works", "growth", "soak", "publish"] as const;
type Command = (typeof COMMANDS)[number];

export interface Plan extends GrowthPlan, SoakPlan {
  readonly command: Command;
  readonly works: readonly Work[];
  readonly isPublished: boolean;
  /** Whether its results are worth publishing. */
  readonly isTelling: boolean;
  readonly isHelp: boolean;
  readonly sizes: Sizes;
  /** Runs to publish. */
  readonly files: readonly string[];
}

const GROWTH_ROUNDS = { quick: 1, full: 3 };
const SOAK_MINUTES = 30;
/** Of the messages of a soak each has a number, and the numbers end. */
const MAX_SOAK_MINUTES = 240;

/** @throws what is wrong with the arguments */
export function planOf(argv: readonly string[]): Plan {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const sizeOptions = Object.fromEntries(Object.keys(SIZE_OPTIONS).map((name) => [name, text]));
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      quick: flag,
      full: flag,
      unpinned: flag,
      help: flag,
      publish: flag,
      only: text,
      contenders: text,
      minutes: text,
      profile: text,
      ...sizeOptions,
    },
  });
  const [command = "works", ...files] = positionals as [Command?, ...string[]];
  if (!COMMANDS.includes(command) || (files.length > 0 && command !== "publish"))
    throw new Error(`There is no ${positionals.join(" ")}; there are ${COMMANDS.join(", ")}`);
  const given: Readonly<Record<string, unknown>> = values;
  const sizes = sizesOf(values.full ? FULL : QUICK, given);
  const minutes = numberOf("minutes", values.minutes) ?? SOAK_MINUTES;
  if (minutes > MAX_SOAK_MINUTES) throw new Error(`--minutes ${minutes}: at most ${MAX_SOAK_MINUTES}`);
  const isTelling = command === "soak" ? minutes >= MIN_TELLING_MINUTES : isFullSize(sizes);
  if (values.publish && !isTelling)
    throw new Error(
      `Published is what the sizes of --full have shown, or a soak of ${MIN_TELLING_MINUTES} minutes`,
    );
  const growthRounds = values.full ? GROWTH_ROUNDS.full : GROWTH_ROUNDS.quick;
  return {
    command,
    files,
    works: chosen("only", worksOf(sizes), ({ name }) => name, values.only),
    contenders: contendersOf(command, values.contenders),
    roundCount: command === "growth" ? (numberOf("rounds", given["rounds"]) ?? growthRounds) : sizes.rounds,
    isFull: values.full,
    windowMs: sizes.seconds * 1_000,
    minutes,
    visitorCount: sizes.visitors,
    resumerCount: sizes.resumers,
    slowCount: sizes.slowReaders,
    isUnpinned: values.unpinned,
    isPublished: values.publish,
    isTelling,
    isHelp: values.help,
    profileFolder: values.profile,
    sizes,
  };
}

/** Rounds and the length of windows may differ: both are said beside the figures, and change only how sure they are. */
function isFullSize(sizes: Sizes): boolean {
  const { rounds: _rounds, seconds: _seconds, ...others } = FULL;
  return Object.entries(others).every(([key, value]) => sizes[key as keyof Sizes] === value);
}

function sizesOf(base: Sizes, given: Readonly<Record<string, unknown>>): Sizes {
  const own = Object.entries(SIZE_OPTIONS).flatMap(([option, keys]) => {
    const value = numberOf(option, given[option]);
    return value === undefined ? [] : keys.map((key) => [key, value] as const);
  });
  return { ...base, ...Object.fromEntries(own) };
}

function contendersOf(command: Command, text: string | undefined): readonly ContenderName[] {
  const fallback = {
    growth: "tachikoma-memory",
    soak: "tachikoma-sqlite",
    works: undefined,
    publish: undefined,
  };
  return chosen("contenders", [...CONTENDERS], (name) => name, text ?? fallback[command]);
}

function numberOf(name: string, text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new Error(`--${name} ${text} is not a number above 0`);
  return value;
}

function chosen<Item>(
  option: string,
  all: readonly Item[],
  nameOf: (item: Item) => string,
  text: string | undefined,
): readonly Item[] {
  if (text === undefined) return all;
  const beginnings = text.split(",");
  for (const beginning of beginnings) {
    if (!all.some((item) => nameOf(item).startsWith(beginning))) {
      throw new Error(`--${option} ${beginning}: there are ${all.map(nameOf).join(", ")}`);
    }
  }
  return all.filter((item) => beginnings.some((beginning) => nameOf(item).startsWith(beginning)));
}
