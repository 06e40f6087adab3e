/** What is run, and how large. */
import { parseArgs } from "node:util";
import { CONTENDERS, type ContenderName } from "./contender.ts";
import { capacity } from "./works/capacity.ts";
import { fanOut } from "./works/fan-out.ts";
import { idleHeartbeat } from "./works/idle-heartbeat.ts";
import { idleMemory } from "./works/idle-memory.ts";
import { lateJoiner } from "./works/late-joiner.ts";
import { nodeLoss } from "./works/node-loss.ts";
import { resume } from "./works/resume.ts";
import { slowReaders } from "./works/slow-readers.ts";
import { tokenStreams } from "./works/token-streams.ts";
import { wireBytes } from "./works/wire-bytes.ts";
import type { Work } from "./works/work.ts";

export const USAGE = `npm run bench -- [options]

  --quick            small sizes, one round: about three minutes (the default)
  --full             large sizes, five rounds: about forty minutes
  --rounds N         rounds of each work
  --only A,B         works: fan-out-paced, fan-out-bursts, fan-out-fast, token-streams, token-streams-busy, token-latency,
                     capacity, wire-bytes-50, wire-bytes-200, late-joiner, slow-readers, idle-heartbeat, idle-memory, resume,
                     node-loss
                     (or the beginning of a name: fan-out)
  --contenders A,B   ${CONTENDERS.join(", ")}
  --seconds N        length of the measured window
  --subscribers N, --streams N, --connections N, --clients N, --missed N, --orphans N, --answer-secs N, --late-tokens N,
  --slow-viewers N, --ping-secs N   sizes
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
  readonly capacityStreams: number;
  /** How often the gap between a rate that holds and one that does not is halved. */
  readonly halvings: number;
  readonly idleConnections: number;
  readonly pingIntervalSecs: number;
  readonly answerSecs: number;
  readonly lateTokens: number;
  readonly slowViewers: number;
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
  capacityStreams: 200,
  halvings: 1,
  // A tenth of the connections at ten times the pace: as many pings a second.
  idleConnections: 1_000,
  pingIntervalSecs: 3,
  answerSecs: 4,
  lateTokens: 5_000,
  slowViewers: 50,
};
const FULL: Sizes = {
  rounds: 5,
  seconds: 10,
  subscribers: 1_000,
  streams: 200,
  busyStreams: 1_000,
  connections: 5_000,
  clients: 5_000,
  missed: 200,
  orphans: 2_000,
  capacityStreams: 1_000,
  halvings: 3,
  idleConnections: 10_000,
  pingIntervalSecs: 30,
  answerSecs: 20,
  lateTokens: 100_000,
  slowViewers: 100,
};

const PACED_MESSAGES_PER_SEC = 10;
const BURST_MESSAGES_PER_SEC = 100;
const TOKENS_PER_SEC = 50;
/** So few and so slow that nothing waits for anything but the store. */
const LATENCY_TOKENS = { streamCount: 10, tokensPerSec: 15 };
const LOSS_MISSED_COUNT = 20;
const WIRE_TOKENS_PER_SEC = [50, 200];
/** Heartbeats in the measured window. */
const BEAT_COUNT = 2;

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
      "answer-secs": text,
      "late-tokens": text,
      "slow-viewers": text,
      "ping-secs": text,
      profile: text,
    },
  });
  const base: Sizes = values.full ? FULL : QUICK;
  const sizes: Sizes = {
    ...base,
    rounds: numberOf("rounds", values.rounds, base.rounds),
    seconds: numberOf("seconds", values.seconds, base.seconds),
    subscribers: numberOf("subscribers", values.subscribers, base.subscribers),
    streams: numberOf("streams", values.streams, base.streams),
    busyStreams: numberOf("streams", values.streams, base.busyStreams),
    capacityStreams: numberOf("streams", values.streams, base.capacityStreams),
    connections: numberOf("connections", values.connections, base.connections),
    idleConnections: numberOf("connections", values.connections, base.idleConnections),
    clients: numberOf("clients", values.clients, base.clients),
    missed: numberOf("missed", values.missed, base.missed),
    orphans: numberOf("orphans", values.orphans, base.orphans),
    answerSecs: numberOf("answer-secs", values["answer-secs"], base.answerSecs),
    lateTokens: numberOf("late-tokens", values["late-tokens"], base.lateTokens),
    slowViewers: numberOf("slow-viewers", values["slow-viewers"], base.slowViewers),
    pingIntervalSecs: numberOf("ping-secs", values["ping-secs"], base.pingIntervalSecs),
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
    fanOut("paced", { subscriberCount, messagesPerSec: PACED_MESSAGES_PER_SEC, windowMs }),
    fanOut("bursts", { subscriberCount, messagesPerSec: BURST_MESSAGES_PER_SEC, windowMs }),
    fanOut("fast", { subscriberCount, messagesPerSec: 0, windowMs }),
    tokenStreams("token-streams", { ...tokens, streamCount: sizes.streams }),
    tokenStreams("token-streams-busy", { ...tokens, streamCount: sizes.busyStreams }),
    tokenStreams("token-latency", { ...LATENCY_TOKENS, windowMs }, "latencyP50Ms"),
    capacity({ streamCount: sizes.capacityStreams, windowMs, halvingCount: sizes.halvings }),
    ...WIRE_TOKENS_PER_SEC.map((tokensPerSec) =>
      wireBytes({ tokensPerSec, tokenCount: Math.ceil(tokensPerSec * sizes.answerSecs) }),
    ),
    lateJoiner({ ...tokens, tokenCount: sizes.lateTokens, streamCount: sizes.streams }),
    slowReaders({ viewerCount: sizes.slowViewers, windowMs }),
    idleHeartbeat({
      connectionCount: sizes.idleConnections,
      pingIntervalMs: sizes.pingIntervalSecs * 1_000,
      beatCount: BEAT_COUNT,
    }),
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
