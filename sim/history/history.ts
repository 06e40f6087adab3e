import type { HistoryRecord, LogEntry, RecordKind, RecordOf } from "./history-record.ts";
import type { PlaceMap } from "./place-map.ts";
import { type SessionView, type ViewEvent, ViewIndex } from "./session-view.ts";
import { contentByPlace, type Observation } from "./stream-content.ts";

/** One attempt to publish, with its answer where there was one. */
export interface Publish {
  readonly invoke: RecordOf<"pub.invoke">;
  answer: RecordOf<"pub.ok"> | RecordOf<"pub.fail"> | RecordOf<"pub.info"> | undefined;
}

export type ExecutionAppend = RecordOf<"gen.chunk"> | RecordOf<"gen.terminal">;

/** Everything that is known of one execution, in the order of the history. */
export interface Execution {
  readonly gen: string;
  readonly start: RecordOf<"gen.start"> | undefined;
  /** Without what the store has lost. */
  readonly appends: readonly ExecutionAppend[];
  /** Whatever was ever appended, the start too. */
  readonly written: readonly (RecordOf<"gen.start"> | ExecutionAppend)[];
  readonly cancels: readonly RecordOf<"cancel.ok">[];
  readonly upstream: readonly (RecordOf<"llm.sent"> | RecordOf<"llm.abort">)[];
}

export type Delivery = RecordOf<"apply"> | RecordOf<"wire">;
export type DoorEvent = RecordOf<"conn"> | RecordOf<"close"> | RecordOf<"grant"> | RecordOf<"revoke">;

/** A history with the indexes that several invariants need; made in one pass. */
export interface History {
  readonly records: readonly HistoryRecord[];
  ofKind<K extends RecordKind>(kind: K): readonly RecordOf<K>[];
  readonly publishes: ReadonlyMap<string, Publish>;
  readonly executions: ReadonlyMap<string, Execution>;
  /** What arrived and what was applied, in order. */
  readonly deliveries: readonly Delivery[];
  /** Who came and went, and what they were allowed, in order. */
  readonly doorEvents: readonly DoorEvent[];
  readonly views: readonly SessionView[];
  /** What stands at each place that anything is known about. */
  readonly content: PlaceMap<Observation>;
  /** What remained of each stream: its last dump. */
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
  const byKind = new Map<RecordKind, HistoryRecord[]>();
  const deliveries: Delivery[] = [];
  const doorEvents: DoorEvent[] = [];
  const publishes = new Map<string, Publish>();
  const executions = new ExecutionIndex();
  const views = new ViewIndex();
  let endMs = 0;
  for (const record of records) {
    const { kind } = record;
    endMs = Math.max(endMs, record.timeMs);
    const sameKind = byKind.get(kind);
    if (sameKind === undefined) byKind.set(kind, [record]);
    else sameKind.push(record);
    if (kind === "apply" || kind === "wire") deliveries.push(record);
    else if (isDoorEvent(record)) doorEvents.push(record);
    else if (kind.startsWith("pub.")) indexPublish(publishes, record);
    else executions.add(record);
    if (isViewEvent(record)) views.add(record);
  }
  const ofKind = <K extends RecordKind>(kind: K) => (byKind.get(kind) ?? []) as RecordOf<K>[];
  const dumps = new Map<string, Dump>();
  for (const record of ofKind("log.dump")) dumps.set(record.stream, indexDump(record));
  return {
    records,
    ofKind,
    publishes,
    executions: executions.executions,
    deliveries,
    doorEvents,
    views: views.views,
    content: contentByPlace(ofKind("log.dump"), publishes, deliveries),
    dumps,
    endMs,
  };
}

/** Key of one session's view of one stream. */
export function viewKey(session: string, stream: string): string {
  return `${session} ${stream}`;
}

export function tenantOf(stream: string): string {
  return stream.slice(0, stream.indexOf("/"));
}

function indexDump(record: RecordOf<"log.dump">): Dump {
  const bySeq = new Map<number, LogEntry>();
  let headSeq = record.baseSeq;
  for (const entry of record.entries) {
    bySeq.set(entry.seq, entry);
    headSeq = Math.max(headSeq, entry.seq);
  }
  return { record, bySeq, headSeq };
}

function isDoorEvent(record: HistoryRecord): record is DoorEvent {
  const { kind } = record;
  return kind === "conn" || kind === "close" || kind === "grant" || kind === "revoke";
}

function isViewEvent(record: HistoryRecord): record is ViewEvent {
  const { kind } = record;
  return kind === "apply" || kind === "sub" || kind === "unsub" || kind === "reset";
}

function indexPublish(publishes: Map<string, Publish>, record: HistoryRecord): void {
  if (record.kind === "pub.invoke") publishes.set(record.op, { invoke: record, answer: undefined });
  if (record.kind !== "pub.ok" && record.kind !== "pub.fail" && record.kind !== "pub.info") return;
  const publish = publishes.get(record.op);
  if (publish === undefined) throw new Error(`${record.kind} of ${record.op} has no pub.invoke before it`);
  publish.answer = record;
}

interface MutableExecution extends Execution {
  start: Execution["start"];
  readonly appends: ExecutionAppend[];
  readonly written: (RecordOf<"gen.start"> | ExecutionAppend)[];
  readonly cancels: RecordOf<"cancel.ok">[];
  readonly upstream: (RecordOf<"llm.sent"> | RecordOf<"llm.abort">)[];
}

class ExecutionIndex {
  readonly executions = new Map<string, MutableExecution>();
  #lostAtMs: number | undefined;

  add(record: HistoryRecord): void {
    switch (record.kind) {
      case "gen.start": {
        const execution = this.#of(record.gen);
        execution.start ??= record;
        execution.written.push(record);
        return;
      }
      case "gen.chunk":
      case "gen.terminal": {
        const execution = this.#of(record.gen);
        execution.appends.push(record);
        execution.written.push(record);
        return;
      }
      case "gen.lost":
        return this.#lose(record);
      case "store.lost":
        // Nobody can be held to a cancel whose receipt may be gone.
        for (const { cancels } of this.executions.values()) cancels.length = 0;
        this.#lostAtMs = record.timeMs;
        return;
      case "cancel.ok":
        // What was answered in the moment of the loss may be on either side of it.
        if (record.timeMs !== this.#lostAtMs) this.#of(record.gen).cancels.push(record);
        return;
      case "llm.sent":
      case "llm.abort":
        this.#of(record.gen).upstream.push(record);
        return;
      default:
        return;
    }
  }

  #lose({ gen, appendCount, isStartLost }: RecordOf<"gen.lost">): void {
    const execution = this.#of(gen);
    execution.appends.length = Math.max(0, execution.appends.length - appendCount);
    if (isStartLost) execution.start = undefined;
  }

  #of(gen: string): MutableExecution {
    let execution = this.executions.get(gen);
    if (execution === undefined) {
      execution = { gen, start: undefined, appends: [], written: [], cancels: [], upstream: [] };
      this.executions.set(gen, execution);
    }
    return execution;
  }
}
