/** What the project set out to reach, and how a run says whether it did. */
import type { ContenderName } from "./contender.ts";
import type { WorkResult } from "./saved-run.ts";
import { differencesOf, ratiosOf, type Spread, spreadOf } from "./statistics.ts";
import type { FigureName } from "./works/work.ts";

export interface Target {
  /** As its row says it. */
  readonly what: string;
  readonly work: string;
  readonly figure: FigureName;
  readonly contender: ContenderName;
  /** `value`: the figure itself. The others compare with the peer, round by round. */
  readonly measure:
    | { readonly kind: "value" }
    | { readonly kind: "ratio" | "difference"; readonly peer: ContenderName };
  readonly limit: number;
  /** A capacity has to be above its limit. */
  readonly isAtLeast?: true;
  readonly unit: string;
  readonly digits: number;
}

const MEMORY = "tachikoma-memory";
const SQLITE = "tachikoma-sqlite";

/** With which everything is compared that says nothing else: a ratio, on the memory store. */
function ratio(work: string, figure: FigureName, peer: ContenderName, limit: number) {
  const measure = { kind: "ratio", peer } as const;
  return { work, figure, contender: MEMORY, measure, limit, unit: "x", digits: 2 } as const;
}

function value(work: string, figure: FigureName, contender: ContenderName, limit: number, unit: string) {
  return { work, figure, contender, measure: { kind: "value" }, limit, unit, digits: 1 } as const;
}

function difference(work: string, figure: FigureName, contender: ContenderName, limit: number, unit: string) {
  const measure = { kind: "difference", peer: "plain-ws" } as const;
  return { work, figure, contender, measure, limit, unit, digits: 2 } as const;
}

const CPU = "cpuMicrosPerRecord";

export const TARGETS: readonly Target[] = [
  { what: "fan-out, nothing to batch: CPU per delivery", ...ratio("fan-out-paced", CPU, "plain-ws", 0.78) },
  { what: "fan-out, nothing to batch: CPU per delivery", ...ratio("fan-out-paced", CPU, "socket.io", 0.52) },
  { what: "fan-out, bursts of 10: CPU per delivery", ...ratio("fan-out-bursts", CPU, "plain-ws", 0.12) },
  { what: "fan-out, bursts of 10: CPU per delivery", ...ratio("fan-out-bursts", CPU, "socket.io", 0.12) },
  { what: "fan-out, as fast as it goes: CPU per delivery", ...ratio("fan-out-fast", CPU, "plain-ws", 0.12) },
  { what: "fan-out, as fast as it goes: CPU per delivery", ...ratio("fan-out-fast", CPU, "socket.io", 0.12) },
  {
    what: "1,000 executions at 50 tokens/s: CPU per token",
    ...ratio("token-streams-busy", CPU, "plain-ws", 0.5),
  },
  {
    what: "the same on SQLite: CPU per token",
    ...ratio("token-streams-busy", CPU, MEMORY, 1.3),
    contender: SQLITE,
  },
  {
    what: "capacity of token streams",
    ...ratio("capacity", "capacityPerSec", "plain-ws", 8),
    isAtLeast: true,
  },
  { what: "p99 at half of capacity", ...value("capacity", "latencyP99AtHalfMs", MEMORY, 50, "ms") },
  { what: "p99 at half of capacity", ...value("capacity", "latencyP99AtHalfMs", SQLITE, 50, "ms") },
  {
    what: "latency added to a token on an idle server, p50",
    ...difference("token-latency", "latencyP50Ms", MEMORY, 0.5, "ms"),
  },
  {
    what: "latency added to a token on an idle server, p50",
    ...difference("token-latency", "latencyP50Ms", SQLITE, 2, "ms"),
  },
  {
    what: "memory of an idle session with a subscription",
    ...difference("idle-memory", "kibPerSession", MEMORY, 4, "KiB"),
  },
  {
    what: "CPU of 10,000 idle sessions, a ping every 30 s",
    ...value("idle-heartbeat", "cpuPercent", MEMORY, 5, "%"),
  },
  {
    what: "5,000 clients come back, 200 missed records each: time",
    ...ratio("resume", "catchUpMs", "socket.io", 0.25),
  },
  {
    what: "late joiner on 100,000 tokens: frames",
    ...value("late-joiner", "frameCount", MEMORY, 10, "frames"),
    digits: 0,
  },
  {
    what: "late joiner on 100,000 tokens: first record",
    ...value("late-joiner", "firstByteMs", MEMORY, 10, "ms"),
  },
  {
    what: "late joiner on 100,000 tokens: first record",
    ...value("late-joiner", "firstByteMs", SQLITE, 10, "ms"),
  },
  {
    what: "late joiner: p99 of the others, to before",
    ...value("late-joiner", "othersP99Ratio", MEMORY, 1.5, "x"),
    digits: 2,
  },
  {
    what: "bytes on the wire per token at 50 tokens/s",
    ...ratio("wire-bytes-50", "wireBytesPerToken", "ai-sdk-sse", 1),
  },
  {
    what: "bytes on the wire per token at 200 tokens/s",
    ...ratio("wire-bytes-200", "wireBytesPerToken", "ai-sdk-sse", 0.4),
  },
  {
    // The mark, and the page that was begun below it.
    what: "one in ten reads nothing: waits for one connection",
    ...value("slow-readers", "unsentKib", MEMORY, 256 + 64 + 16, "KiB"),
    digits: 0,
  },
  {
    what: "one in ten reads nothing: p99 of the others, to before",
    ...value("slow-readers", "othersP99Ratio", MEMORY, 1.2, "x"),
    digits: 2,
  },
];

export interface Judged {
  readonly target: Target;
  /** Of the rounds; `undefined` where it was not measured. */
  readonly measured: Spread | undefined;
  /** By the median. */
  readonly isMet: boolean | undefined;
}

export function judge(target: Target, results: readonly WorkResult[]): Judged {
  const result = results.find(({ work }) => work === target.work);
  const measured = result && spreadOf(measuredValues(target, result));
  if (measured === undefined) return { target, measured, isMet: undefined };
  const { median } = measured;
  return { target, measured, isMet: target.isAtLeast ? median >= target.limit : median <= target.limit };
}

function measuredValues(target: Target, { rows }: WorkResult): number[] {
  const valuesOf = (name: ContenderName) =>
    rows.find(({ contender }) => contender === name)?.outcomes.map(({ figures }) => figures[target.figure]) ??
    [];
  const own = valuesOf(target.contender);
  const { measure } = target;
  if (measure.kind === "value") return own.filter((figure) => figure !== undefined);
  const compare = measure.kind === "ratio" ? ratiosOf : differencesOf;
  return compare(own, valuesOf(measure.peer));
}

/** `0.75 (0.74-0.77) x`. */
export function measuredText({ target, measured }: Judged): string {
  if (measured === undefined) return "not measured";
  const { digits, unit } = target;
  const [median, min, max] = [measured.median, measured.min, measured.max].map((number) =>
    number.toFixed(digits),
  );
  const range = min === max ? "" : ` (${min}-${max})`;
  return `${median}${range}${unitText(unit)}`;
}

export function limitText({ limit, isAtLeast, unit }: Target): string {
  return `${isAtLeast ? "at least" : "at most"} ${limit}${unitText(unit)}`;
}

export function againstText({ contender, measure }: Target): string {
  const own = contender.replace("tachikoma-", "");
  return measure.kind === "value" ? own : `${own} to ${measure.peer}`;
}

function unitText(unit: string): string {
  return unit === "x" || unit === "%" ? unit : ` ${unit}`;
}

/** What a run says of the targets, for the terminal; none where it measured nothing of them. */
export function targetLines(results: readonly WorkResult[]): string[] {
  return TARGETS.map((target) => judge(target, results))
    .filter(({ measured }) => measured !== undefined)
    .map((judged) => {
      const { target, isMet } = judged;
      const verdict = isMet ? "met    " : "NOT MET";
      return `${verdict}  ${target.what}, ${againstText(target)}: ${measuredText(judged)}, ${limitText(target)}`;
    });
}
