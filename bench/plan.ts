/** What is run, and how large. */
import { parseArgs } from "node:util";
import { CONTENDERS, type ContenderName } from "./contender.ts";
import { fanOut } from "./works/fan-out.ts";
import { idleMemory } from "./works/idle-memory.ts";
import { nodeLoss } from "./works/node-loss.ts";
import { resume } from "./works/resume.ts";
import { tokenStreams } from "./works/token-streams.ts";
import type { Work } from "./works/work.ts";

export const USAGE = `npm run bench -- [options]

  --quick            small sizes, one round: about three minutes (the default)
  --full             large sizes, five rounds: about forty minutes
  --rounds N         rounds of each work
  --only A,B         works: fan-out-paced, fan-out-fast, token-streams, token-streams-busy, token-latency, idle-memory,
                     resume, node-loss
                     (or the beginning of a name: fan-out)
  --contenders A,B   ${CONTENDERS.join(", ")}
  --seconds N        length of the measured window
  --subscribers N, --streams N, --connections N, --clients N, --missed N, --orphans N   sizes
  --profile FOLDER   each server leaves a CPU profile there
  --unpinned         without a core for each side; the figures say so
`;

export interface Plan {
  readonly works: readonly Work[];
  readonly contenders: readonly ContenderName[];
  readonly roundCount: number;
  readonly isUnpinned: boolean;
  readonly isHelp: boolean;
  readonly profileFolder: string | undefined;
  readonly sizes: Sizes;
}

interface Sizes {
  readonly rounds: number;
  readonly seconds: number;
  readonly subscribers: number;
  readonly streams: number;
  readonly busyStreams: number;
  readonly connections: number;
  readonly clients: number;
  readonly missed: number;
  readonly orphans: number;
}

const QUICK: Sizes = {
  rounds: 1,
  seconds: 2,
  subscribers: 1_000,
  streams: 200,
  busyStreams: 600,
  connections: 1_000,
  clients: 200,
  missed: 100,
  orphans: 500,
};
const FULL: Sizes = {
  rounds: 5,
  seconds: 10,
  subscribers: 1_000,
  streams: 200,
  busyStreams: 1_000,
  connections: 5_000,
  clients: 500,
  missed: 200,
  orphans: 2_000,
};

const PACED_MESSAGES_PER_SEC = 10;
const TOKENS_PER_SEC = 50;
/** So few and so slow that nothing waits for anything but the store. */
const LATENCY_TOKENS = { streamCount: 10, tokensPerSec: 15 };
const LOSS_MISSED_COUNT = 20;

/** @throws what is wrong with the arguments */
export function planOf(argv: readonly string[]): Plan {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: flag,
      full: flag,
      unpinned: flag,
      help: flag,
      rounds: text,
      only: text,
      contenders: text,
      seconds: text,
      subscribers: text,
      streams: text,
      connections: text,
      clients: text,
      missed: text,
      orphans: text,
      profile: text,
    },
  });
  const base = values.full ? FULL : QUICK;
  const sizes: Sizes = {
    rounds: numberOf("rounds", values.rounds, base.rounds),
    seconds: numberOf("seconds", values.seconds, base.seconds),
    subscribers: numberOf("subscribers", values.subscribers, base.subscribers),
    streams: numberOf("streams", values.streams, base.streams),
    busyStreams: numberOf("streams", values.streams, base.busyStreams),
    connections: numberOf("connections", values.connections, base.connections),
    clients: numberOf("clients", values.clients, base.clients),
    missed: numberOf("missed", values.missed, base.missed),
    orphans: numberOf("orphans", values.orphans, base.orphans),
  };
  return {
    works: chosen("only", worksOf(sizes), ({ name }) => name, values.only),
    contenders: chosen("contenders", [...CONTENDERS], (name) => name, values.contenders),
    roundCount: sizes.rounds,
    isUnpinned: values.unpinned,
    isHelp: values.help,
    profileFolder: values.profile,
    sizes,
  };
}

function worksOf(sizes: Sizes): Work[] {
  const windowMs = sizes.seconds * 1_000;
  const subscriberCount = sizes.subscribers;
  const tokens = { tokensPerSec: TOKENS_PER_SEC, windowMs };
  return [
    fanOut({ subscriberCount, messagesPerSec: PACED_MESSAGES_PER_SEC, windowMs }),
    fanOut({ subscriberCount, messagesPerSec: undefined, windowMs }),
    tokenStreams("token-streams", { ...tokens, streamCount: sizes.streams }),
    tokenStreams("token-streams-busy", { ...tokens, streamCount: sizes.busyStreams }),
    tokenStreams("token-latency", { ...LATENCY_TOKENS, windowMs }, "latencyP50Ms"),
    idleMemory({ connectionCount: sizes.connections }),
    resume({ clientCount: sizes.clients, missedCount: sizes.missed }),
    nodeLoss({ clientCount: sizes.orphans, missedCount: LOSS_MISSED_COUNT }),
  ];
}

function numberOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
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
