import type { HistoryRecord, LogEntry, RecordKind, RecordOf } from "./history-record.ts";

/** One attempt to publish, with its answer where there was one. */
export interface Publish {
  readonly invoke: RecordOf<"pub.invoke">;
  readonly answer: RecordOf<"pub.ok"> | RecordOf<"pub.fail"> | RecordOf<"pub.info"> | undefined;
}

/** Everything that is known of one execution, in the order of the history. */
export interface Execution {
  readonly gen: string;
  readonly start: RecordOf<"gen.start"> | undefined;
  readonly appends: readonly (RecordOf<"gen.chunk"> | RecordOf<"gen.terminal">)[];
  readonly cancels: readonly RecordOf<"cancel.ok">[];
  readonly upstream: readonly (RecordOf<"llm.sent"> | RecordOf<"llm.abort">)[];
}

/** A history with the indexes that several invariants need; made in one pass. */
export interface History {
  readonly records: readonly HistoryRecord[];
  readonly publishes: ReadonlyMap<string, Publish>;
  readonly executions: ReadonlyMap<string, Execution>;
  /** The last dump of each stream. */
  readonly dumps: ReadonlyMap<string, Dump>;
  /** Time of the last record. */
  readonly endMs: number;
}

export interface Dump {
  readonly record: RecordOf<"log.dump">;
  readonly bySeq: ReadonlyMap<number, LogEntry>;
  readonly headSeq: number;
}

export function indexHistory(records: readonly HistoryRecord[]): History {
  const dumps = new Map<string, Dump>();
  for (const record of ofKind(records, "log.dump")) dumps.set(record.stream, indexDump(record));
  return {
    records,
    publishes: indexPublishes(records),
    executions: indexExecutions(records),
    dumps,
    endMs: records.reduce((latestMs, record) => Math.max(latestMs, record.timeMs), 0),
  };
}

export function ofKind<K extends RecordKind>(records: readonly HistoryRecord[], kind: K): RecordOf<K>[] {
  return records.filter((record): record is RecordOf<K> => record.kind === kind);
}

/** Key of one place in one log. */
export function placeKey(stream: string, epoch: string, seq: number): string {
  return `${stream} ${epoch} ${seq}`;
}

/** Key of one session's view of one stream. */
export function viewKey(session: string, stream: string): string {
  return `${session} ${stream}`;
}

export function tenantOf(stream: string): string {
  return stream.slice(0, stream.indexOf("/"));
}

function indexDump(record: RecordOf<"log.dump">): Dump {
  const bySeq = new Map(record.entries.map((entry) => [entry.seq, entry]));
  const headSeq = record.entries.reduce((head, entry) => Math.max(head, entry.seq), record.baseSeq);
  return { record, bySeq, headSeq };
}

function indexPublishes(records: readonly HistoryRecord[]): Map<string, Publish> {
  const publishes = new Map<string, Publish>();
  for (const record of records) {
    if (record.kind === "pub.invoke") publishes.set(record.op, { invoke: record, answer: undefined });
    if (record.kind !== "pub.ok" && record.kind !== "pub.fail" && record.kind !== "pub.info") continue;
    const publish = publishes.get(record.op);
    if (publish === undefined) throw new Error(`${record.kind} of ${record.op} has no pub.invoke before it`);
    publishes.set(record.op, { ...publish, answer: record });
  }
  return publishes;
}

type MutableExecution = {
  gen: string;
  start: RecordOf<"gen.start"> | undefined;
  appends: (RecordOf<"gen.chunk"> | RecordOf<"gen.terminal">)[];
  cancels: RecordOf<"cancel.ok">[];
  upstream: (RecordOf<"llm.sent"> | RecordOf<"llm.abort">)[];
};

function indexExecutions(records: readonly HistoryRecord[]): Map<string, Execution> {
  const executions = new Map<string, MutableExecution>();
  const executionOf = (gen: string): MutableExecution => {
    let execution = executions.get(gen);
    if (execution === undefined) {
      execution = { gen, start: undefined, appends: [], cancels: [], upstream: [] };
      executions.set(gen, execution);
    }
    return execution;
  };
  for (const record of records) {
    if (record.kind === "gen.start") executionOf(record.gen).start ??= record;
    else if (record.kind === "gen.chunk" || record.kind === "gen.terminal")
      executionOf(record.gen).appends.push(record);
    else if (record.kind === "cancel.ok") executionOf(record.gen).cancels.push(record);
    else if (record.kind === "llm.sent" || record.kind === "llm.abort")
      executionOf(record.gen).upstream.push(record);
  }
  return executions;
}
