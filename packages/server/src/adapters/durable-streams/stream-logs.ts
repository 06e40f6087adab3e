/**
 * Streams in their logs. Whoever changes one decides from its state, and appends what was decided under the head that the state
 * was read from: where another node was faster the store refuses, and it is decided anew. So a decision, its content and what is
 * remembered of it (producers, closing, forks) are one append, on every store and over any number of nodes.
 */
import { errorCodeOf, isSamePosition, type Position, TachikomaError } from "@tachikoma/protocol";
import type { LogHub } from "../../core/log/log-hub.ts";
import type { Clock } from "../../core/ports.ts";
import type { LogKey, LogRecord, LogState, NewRecord, Retention } from "../../stores/store.ts";
import { encodeRecord, type Mark, markOf, type Piece } from "./record-codec.ts";
import { StateCache } from "./state-cache.ts";
import { StreamLanes } from "./stream-lanes.ts";
import { logChannel } from "./stream-path.ts";
import { type Delta, fold, isAbsent, type StreamState, storedState } from "./stream-state.ts";

export interface StreamLogsOptions {
  readonly hub: LogHub;
  readonly clock: Clock;
}

export interface StreamName {
  readonly tenant: string;
  readonly path: string;
}

/** A stream as its log has it: `head` is where the log ended, `undefined` where there is none. */
export interface Loaded {
  readonly state: StreamState | undefined;
  readonly head: Position | undefined;
}

/** What is to be appended: the beginning of a stream, content, what else happened. At least one of them. */
export interface Draft {
  readonly create?: Omit<
    StreamState,
    "createdSeq" | "start" | "tail" | "checkpointSeq" | "bytesSinceCheckpoint"
  > &
    Partial<Pick<StreamState, "start" | "tail">>;
  readonly pieces?: readonly Piece[];
  readonly delta?: Delta;
}

export interface Change<Answer> {
  /** Bytes of content, for the bound on what waits. */
  readonly byteCount: number;
  /** Called again for each try: it changes nothing itself. */
  readonly decide: (loaded: Loaded, nowMs: number) => { readonly draft?: Draft; readonly answer: Answer };
}

export interface Changed<Answer> {
  readonly answer: Answer;
  /** After the change. */
  readonly state: StreamState | undefined;
}

/** Each try that fails is one that succeeded on another node. */
const MAX_TRIES = 64;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
const MAX_READ_RECORDS = 1_024;
const MAX_READ_BYTES = 1024 * 1024;
/** A checkpoint is due after so many records, or bytes of them: what a node that knows nothing of a stream has to read. */
const CHECKPOINT_RECORDS = 256;
const CHECKPOINT_BYTES = 1024 * 1024;
/** What a deleted stream leaves behind is gone with the next sweep. */
const TOMBSTONE_MAX_AGE_MS = 60_000;
/** A hundred years: as long as a stream is there nothing of it is trimmed. */
const FOREVER_MS = 3_155_760_000_000;

export class StreamLogs {
  readonly #options: StreamLogsOptions;
  readonly #cache = new StateCache<Loaded>();
  readonly #lanes = new StreamLanes(MAX_WAITING_BYTES);

  constructor(options: StreamLogsOptions) {
    this.#options = options;
  }

  /** The stream as the store has it now. @throws STORE_UNAVAILABLE */
  async load(name: StreamName): Promise<Loaded> {
    const known = this.#cache.get(idOf(name));
    const loaded = known?.head === undefined ? await this.#read(name) : await this.#readOn(name, known);
    this.#keep(name, loaded);
    return loaded;
  }

  /** The stream as it was when this node saw it last, if it remembers: good for what does not change in the life of a stream. */
  remembered(name: StreamName): StreamState | undefined {
    return this.#cache.get(idOf(name))?.state;
  }

  /** @throws STORE_UNAVAILABLE, SERVER_OVERLOADED, and what `decide` throws */
  change<Answer>(name: StreamName, change: Change<Answer>): Promise<Changed<Answer>> {
    return this.#lanes.run(idOf(name), change.byteCount, async () => {
      const atOnce = await this.#tryRemembered(name, change);
      if (atOnce !== undefined) return atOnce;
      for (let tryCount = 1; tryCount <= MAX_TRIES; tryCount += 1) {
        const changed = await this.#try(name, change, await this.load(name));
        if (changed !== undefined) return changed;
      }
      throw new TachikomaError("SERVER_OVERLOADED", "Other nodes change this stream all the time");
    });
  }

  /**
   * Without reading: where what is remembered is old the append is refused, and nothing has happened. What is not appended would
   * be answered from it unchecked, so that is read anew.
   */
  async #tryRemembered<Answer>(
    name: StreamName,
    change: Change<Answer>,
  ): Promise<Changed<Answer> | undefined> {
    const remembered = this.#cache.get(idOf(name));
    if (remembered === undefined || !isDraft(change, remembered, this.#options.clock.nowMs()))
      return undefined;
    return this.#try(name, change, remembered);
  }

  /** `undefined` where the stream was changed meanwhile. */
  async #try<Answer>(
    name: StreamName,
    { decide }: Change<Answer>,
    loaded: Loaded,
  ): Promise<Changed<Answer> | undefined> {
    const { hub, clock } = this.#options;
    const { draft, answer } = decide(loaded, clock.nowMs());
    if (draft === undefined) return { answer, state: loaded.state };
    const key = keyOf(name);
    const head = loaded.head ?? (await hub.state(key)).head;
    // A log that is not empty was made by others since it was looked for.
    if (loaded.head === undefined && head.seq > 0) return undefined;
    const plan = planOf(loaded.state, head, draft);
    let result: Awaited<ReturnType<LogHub["append"]>>;
    try {
      result = await hub.append(key, plan.records, { expectedHead: head, retention: plan.retention });
    } catch (cause) {
      // It may have happened all the same: what is known here may be old.
      this.#cache.delete(idOf(name));
      if (errorCodeOf(cause) === "HEAD_MOVED") return undefined;
      throw cause;
    }
    const { epoch, firstSeq, lastSeq, tag, timeMs } = result;
    const stored = plan.records.map((record, index) => ({ ...record, seq: firstSeq + index, tag, timeMs }));
    const state = stored.reduce(fold, loaded.state);
    this.#keep(name, { state, head: { epoch, seq: lastSeq, tag } });
    return { answer, state };
  }

  /** Takes in what was appended since. */
  async #readOn(name: StreamName, known: Loaded): Promise<Loaded> {
    let { state, head } = known;
    for (;;) {
      const read = await this.#options.hub.read(keyOf(name), head!.seq, MAX_READ_RECORDS, MAX_READ_BYTES);
      if (read === undefined) return { state: undefined, head: undefined };
      const end = read.state.head;
      if (isSamePosition(end, head!)) return { state, head };
      const isContinued = end.epoch === head!.epoch && read.records[0]?.seq === head!.seq + 1;
      if (!isContinued) return this.#read(name);
      state = read.records.reduce(fold, state);
      const { seq, tag } = read.records.at(-1)!;
      head = { epoch: end.epoch, seq, tag };
    }
  }

  /** @throws STORE_UNAVAILABLE also where the log is not what a stream consists of */
  async #read(name: StreamName): Promise<Loaded> {
    for (let tryCount = 1; tryCount <= MAX_TRIES; tryCount += 1) {
      const loaded = await this.#readOnce(name);
      if (loaded !== undefined) return loaded;
    }
    throw new TachikomaError("STORE_UNAVAILABLE", `The log of the stream ${name.path} cannot be read`);
  }

  /** `undefined` where the log was trimmed or deleted meanwhile. */
  async #readOnce(name: StreamName): Promise<Loaded | undefined> {
    const key = keyOf(name);
    const ends = await this.#endsOf(key);
    if (ends === undefined) return { state: undefined, head: undefined };
    // What was deleted long ago has left nothing but a place to go on from.
    if (ends.head.seq === ends.base.seq) return { state: undefined, head: ends.head };
    const newest = await this.#recordAt(key, ends.head.seq);
    if (newest === undefined) return undefined;
    const { z: checkpointSeq } = markOf(newest.record);
    const checkpoint = checkpointSeq === ends.head.seq ? newest : await this.#recordAt(key, checkpointSeq);
    if (checkpoint === undefined) return undefined;
    const { epoch, record } = checkpoint;
    const head = { epoch, seq: checkpointSeq, tag: record.tag };
    return this.#readOn(name, { state: fold(undefined, record), head });
  }

  async #recordAt(key: LogKey, seq: number): Promise<{ epoch: string; record: LogRecord } | undefined> {
    const read = await this.#options.hub.read(key, seq - 1, 1, 1);
    const record = read?.records[0];
    return record?.seq === seq ? { epoch: read!.state.head.epoch, record } : undefined;
  }

  async #endsOf(key: LogKey): Promise<LogState | undefined> {
    // Nothing is asked for but where the log ends.
    const read = await this.#options.hub.read(key, Number.MAX_SAFE_INTEGER - 1, 1, 1);
    return read?.state;
  }

  #keep(name: StreamName, loaded: Loaded): void {
    const { state } = loaded;
    const weight =
      1 + (state?.producers.size ?? 0) + (state?.forks.size ?? 0) + (state?.inherited.length ?? 0);
    if (loaded.head === undefined) this.#cache.delete(idOf(name));
    else this.#cache.set(idOf(name), loaded, weight);
  }
}

function isDraft<Answer>({ decide }: Change<Answer>, loaded: Loaded, nowMs: number): boolean {
  try {
    return decide(loaded, nowMs).draft !== undefined;
  } catch {
    return false;
  }
}

export function keyOf({ tenant, path }: StreamName): LogKey {
  return { tenant, channel: logChannel(path) };
}

interface Plan {
  readonly records: readonly NewRecord[];
  readonly retention: Retention;
}

/** The records that a draft becomes. Where the log ends is known, so they know their numbers. */
function planOf(before: StreamState | undefined, head: Position, draft: Draft): Plan {
  const builder = new RecordBuilder(before, head.seq);
  const { create, pieces = [], delta } = draft;
  if (create !== undefined) builder.create(create);
  // It tells what was before: the tag and the time of this very append are the store's to give.
  else if (before !== undefined && isCheckpointDue(before, head.seq)) builder.checkpoint(before);
  for (const [index, piece] of pieces.entries()) {
    const isLast = index === pieces.length - 1;
    builder.content(piece, isLast ? delta : undefined);
  }
  if (pieces.length === 0 && delta !== undefined) builder.event(delta);
  return { records: builder.records, retention: retentionOf(builder.state!, builder.lastSeq) };
}

class RecordBuilder {
  readonly records: NewRecord[] = [];
  state: StreamState | undefined;
  lastSeq: number;

  constructor(state: StreamState | undefined, headSeq: number) {
    this.state = state;
    this.lastSeq = headSeq;
  }

  create({ start, tail, ...rest }: NonNullable<Draft["create"]>): void {
    const stored = { ...rest, producers: [...rest.producers], forks: [...rest.forks] };
    this.#add({
      k: "-",
      n: tail?.bytes ?? 0,
      s: { ...stored, ...(start && { start }), ...(tail && { tail }) },
    });
  }

  checkpoint(state: StreamState): void {
    this.#add({ k: "-", n: state.tail.bytes, s: storedState(state) });
  }

  content(piece: Piece, delta: Delta | undefined): void {
    this.#add({ k: piece.kind, n: this.#bytes + piece.byteCount, ...(delta && { d: delta }) }, piece);
  }

  event(delta: Delta): void {
    this.#add({ k: "-", n: this.#bytes, d: delta });
  }

  get #bytes(): number {
    return this.state?.tail.bytes ?? 0;
  }

  #add(mark: Omit<Mark, "z">, piece?: Piece): void {
    this.lastSeq += 1;
    const z = mark.s === undefined ? this.state!.checkpointSeq : this.lastSeq;
    const record = encodeRecord({ ...mark, z }, piece);
    this.records.push(record);
    this.state = fold(this.state, { ...record, seq: this.lastSeq, tag: UNKNOWN_TAG, timeMs: 0 });
  }
}

/** The store gives one tag to all records of an append, and only then is it known. */
const UNKNOWN_TAG = "";

function isCheckpointDue(state: StreamState, lastSeq: number): boolean {
  return (
    lastSeq - state.checkpointSeq >= CHECKPOINT_RECORDS || state.bytesSinceCheckpoint >= CHECKPOINT_BYTES
  );
}

/** All of a stream's life is kept, and nothing of those before it. */
function retentionOf(state: StreamState, lastSeq: number): Retention {
  if (isAbsent(state)) return { maxRecords: 1, maxBytes: 1, maxAgeMs: TOMBSTONE_MAX_AGE_MS };
  const maxRecords = lastSeq - state.createdSeq + 1;
  return { maxRecords, maxBytes: Number.MAX_SAFE_INTEGER, maxAgeMs: FOREVER_MS };
}

function idOf({ tenant, path }: StreamName): string {
  return `${tenant}\u0000${path}`;
}
