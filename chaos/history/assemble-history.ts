/**
 * One history out of what different processes saw: the clients' records as they are, and what became of executions, put
 * together from the journals of the nodes and the final logs. Nobody tells when a chunk was stored, so it gets the time at
 * which its handler said it: it cannot have been in the log before.
 */
import type { HistoryRecord, LogEntry } from "../../sim/history/history-record.ts";
import { outcomeOf, startValue } from "../../sim/record-value.ts";
import type { EndedLife } from "../cluster/node-place.ts";
import type { JournalRecord, Yielded } from "../node/journal.ts";
import { ownerOf, partsOf } from "../node/owned-output.ts";
import type { DumpedLog } from "../workload/log-dump.ts";

export interface Evidence {
  /** What the trial and its clients wrote. */
  readonly records: readonly HistoryRecord[];
  readonly journals: readonly JournalRecord[];
  readonly endedLives: readonly EndedLife[];
  readonly dumps: readonly DumpedLog[];
  readonly dumpedAtMs: number;
}

const TENANT = "default";

export function assembleHistory(evidence: Evidence): HistoryRecord[] {
  const { records, journals, dumpedAtMs } = evidence;
  const seen = firstSeen(records);
  const said = firstYields(journals);
  const sentMs = new Map(
    journals.filter((one) => one.kind === "llm.sent").map(({ gen, timeMs }) => [gen, timeMs]),
  );
  const added: HistoryRecord[] = [...upstreamRecords(evidence)];
  const explained = new Set<string>();
  for (const dump of evidence.dumps) {
    const stream = `${TENANT}/${dump.channel}`;
    const entries = withFences(dump.entries);
    added.push({
      kind: "log.dump",
      timeMs: dumpedAtMs,
      stream,
      epoch: dump.epoch,
      baseSeq: dump.baseSeq,
      entries,
    });
    added.push(...executionRecords(stream, entries, { seen, said, sentMs, dumpedAtMs }));
    for (const { val } of entries) explained.add(`${stream} ${val}`);
  }
  added.push(...lostRecords(evidence, explained, said));
  return [...records, ...added].toSorted((a, b) => a.timeMs - b.timeMs);
}

interface Sources {
  readonly seen: ReadonlyMap<string, number>;
  readonly said: ReadonlyMap<string, Yielded>;
  /** When each execution was given to its handler, which is after its start was stored. */
  readonly sentMs: ReadonlyMap<string, number>;
  readonly dumpedAtMs: number;
}

/** When each value was first applied by anybody. */
function firstSeen(records: readonly HistoryRecord[]): Map<string, number> {
  const seen = new Map<string, number>();
  for (const record of records) {
    if (record.kind !== "apply" && record.kind !== "wire") continue;
    const key = `${record.stream} ${record.val}`;
    if (!seen.has(key)) seen.set(key, record.timeMs);
  }
  return seen;
}

function yieldsOf(journals: readonly JournalRecord[]): Yielded[] {
  return journals.filter((record): record is Yielded => record.kind === "yield");
}

/** A handler that is run anew says some things again. */
function firstYields(journals: readonly JournalRecord[]): Map<string, Yielded> {
  const first = new Map<string, Yielded>();
  for (const one of yieldsOf(journals)) {
    const key = `${one.gen} ${one.val}`;
    const known = first.get(key);
    if (known === undefined || one.timeMs < known.timeMs) first.set(key, one);
  }
  return first;
}

/** The owners of an execution in the order in which they first wrote: an older one that writes again is out of order. */
function withFences(entries: readonly LogEntry[]): LogEntry[] {
  const owners = new Map<string, string[]>();
  return entries.map((entry): LogEntry => {
    if (entry.gen === undefined) return entry;
    const list = owners.get(entry.gen) ?? [];
    owners.set(entry.gen, list);
    const owner = ownerOf(entry.val);
    if (owner !== undefined && !list.includes(owner)) list.push(owner);
    const fence = owner === undefined ? Math.max(1, list.length) : list.indexOf(owner) + 1;
    return { ...entry, fence };
  });
}

function* executionRecords(
  stream: string,
  entries: readonly LogEntry[],
  { seen, said, sentMs, dumpedAtMs }: Sources,
): Generator<HistoryRecord> {
  const lastMs = new Map<string, number>();
  for (const { gen, role, val, fence = 1 } of entries) {
    if (gen === undefined) continue;
    const seenMs = seen.get(`${stream} ${val}`) ?? dumpedAtMs;
    if (!lastMs.has(gen)) {
      // Where little is kept, the log may begin in the middle of it.
      const timeMs = Math.min(seenMs, sentMs.get(gen) ?? dumpedAtMs);
      lastMs.set(gen, timeMs);
      yield { kind: "gen.start", timeMs, gen, stream, fence, val: role === "start" ? val : startValue(gen) };
    }
    if (role === "start") continue;
    if (role === "terminal") {
      const timeMs = Math.max(seenMs, lastMs.get(gen) ?? 0);
      yield {
        kind: "gen.terminal",
        timeMs,
        gen,
        fence,
        outcome: outcomeOf(`execution_${val.split(" ")[0]}`)!,
        val,
      };
      continue;
    }
    // What the server adds around a handler's words came no earlier than the words before it.
    // What comes later in the log was stored later, whoever said it first.
    const saidMs = partsOf(val).map((part) => said.get(`${gen} ${part}`)?.timeMs ?? 0);
    const timeMs = Math.max(...saidMs, lastMs.get(gen) ?? 0);
    lastMs.set(gen, timeMs);
    yield { kind: "gen.chunk", timeMs, gen, fence, val };
  }
}

/** A process that has died no longer holds its requests to the model. */
function* upstreamRecords({ journals, endedLives }: Evidence): Generator<HistoryRecord> {
  const open = new Map<string, string>();
  const owners = new Map(yieldsOf(journals).map(({ gen, val }) => [gen, ownerOf(val)]));
  for (const record of journals) {
    if (record.kind === "yield") continue;
    yield record;
    if (record.kind === "llm.sent") open.set(record.gen, owners.get(record.gen) ?? "");
    if (record.kind === "llm.abort") open.delete(record.gen);
  }
  for (const [gen, owner] of open) {
    const end = endedLives.find(({ life }) => life === owner);
    if (end !== undefined) yield { kind: "llm.abort", timeMs: end.endedAtMs, gen };
  }
}

/**
 * What was applied and is in no log any more, because it was trimmed or lost. A handler's words have their yield to prove where
 * they came from; for what the server itself wrote there is no witness. Together they count as one execution of each stream,
 * which the store has lost.
 */
function* lostRecords(
  { records, dumpedAtMs }: Evidence,
  explained: ReadonlySet<string>,
  said: ReadonlyMap<string, Yielded>,
): Generator<HistoryRecord> {
  const spoken = new Set([...said.values()].map(({ val }) => val));
  const lost = new Map<string, Set<string>>();
  for (const record of records) {
    if (record.kind !== "apply" && record.kind !== "wire") continue;
    if (record.fromSeq !== undefined && record.fromSeq !== record.seq) continue;
    const { stream, val, timeMs } = record;
    // A published message has its own record of who wrote it.
    if (val.startsWith('"') || explained.has(`${stream} ${val}`)) continue;
    if (ownerOf(val) !== undefined && !partsOf(val).every((part) => spoken.has(part))) continue;
    const values = lost.get(stream) ?? new Set();
    if (values.has(val)) continue;
    const gen = `lost from ${stream}`;
    if (values.size === 0) yield { kind: "gen.start", timeMs, gen, stream, fence: 1 };
    lost.set(stream, values.add(val));
    yield { kind: "gen.chunk", timeMs, gen, fence: 1, val };
  }
  for (const [stream, { size }] of lost)
    yield {
      kind: "gen.lost",
      timeMs: dumpedAtMs,
      gen: `lost from ${stream}`,
      appendCount: size,
      isStartLost: true,
    };
}
