/**
 * What is known of a stream without its content. It is folded from its log: a checkpoint is the whole of it, everything after
 * a checkpoint says what it changed.
 *
 *   absent --create--> open --close--> closed
 *                        `-----`--delete--> deleted, kept while forks read from it --last fork is gone--> absent
 *
 * A stream that is created where another one was has a life of its own, further on in the same log: no offset of the old one
 * names a place in the new one.
 */
import type { LogRecord } from "../../stores/store.ts";
import type { Offset } from "./offset.ts";
import { markOf } from "./record-codec.ts";
import type { Lifetime, Producer } from "./stream-headers.ts";

export interface ForkOrigin {
  readonly path: string;
  readonly life: string;
  /** As it was asked for; `undefined` for the end that the source had then. */
  readonly askedOffset: string | undefined;
  readonly offset: string;
  readonly subOffset: number;
}

export interface StreamConfig extends Lifetime {
  /** Tells this stream from others that had or will have its path. */
  readonly life: string;
  readonly contentType: string;
  readonly forkedFrom?: ForkOrigin;
}

/** A stretch of the log of another stream that this one begins with. */
export interface Inherited {
  readonly path: string;
  /** Numbers in offsets are those of the records of that log, and so much more. */
  readonly seqBase: number;
  readonly until: Offset;
}

export interface ProducerState {
  readonly epoch: number;
  readonly seq: number;
  readonly atMs: number;
}

export interface Fork {
  readonly path: string;
  readonly atMs: number;
}

export interface StreamState {
  readonly config: StreamConfig;
  /** Number of the record that created it, in its log. */
  readonly createdSeq: number;
  /** Numbers in its own offsets are those of its records, and so much more. */
  readonly seqBase: number;
  readonly start: Offset;
  readonly tail: Offset;
  readonly inherited: readonly Inherited[];
  readonly isClosed: boolean;
  /** The request that closed it, where a producer made it. */
  readonly closedBy?: Producer;
  readonly isDeleted: boolean;
  readonly streamSeq?: string;
  readonly producers: ReadonlyMap<string, ProducerState>;
  /** Streams that begin with a stretch of this one, by their life. */
  readonly forks: ReadonlyMap<string, Fork>;
  /** Number of the newest checkpoint, and the bytes of the records after it. */
  readonly checkpointSeq: number;
  readonly bytesSinceCheckpoint: number;
}

/** What one append changed besides content. */
export interface Delta {
  readonly producer?: Producer;
  readonly streamSeq?: string;
  readonly close?: true;
  readonly delete?: true;
  readonly addFork?: { readonly life: string; readonly path: string };
  readonly dropForks?: readonly string[];
}

/** A state as JSON has it. */
export interface StoredState
  extends Omit<
    StreamState,
    "producers" | "forks" | "checkpointSeq" | "bytesSinceCheckpoint" | "createdSeq" | "start" | "tail"
  > {
  /** Absent where it is this very record. */
  readonly createdSeq?: number;
  readonly start?: Offset;
  readonly tail?: Offset;
  readonly producers: readonly (readonly [string, ProducerState])[];
  readonly forks: readonly (readonly [string, Fork])[];
}

export const MAX_PRODUCERS = 1_000;
/** What a producer was last known to have written is remembered so long at least, and longer while there is room. */
export const PRODUCER_MEMORY_MS = 7 * 24 * 3_600_000;

/** The state after one more record. */
export function fold(state: StreamState | undefined, record: LogRecord): StreamState | undefined {
  const mark = markOf(record);
  if (mark.s !== undefined) return restored(mark.s, record);
  if (state === undefined) return undefined;
  const tail = { seq: state.seqBase + record.seq, bytes: mark.n, tag: record.tag };
  const grown: StreamState = {
    ...state,
    tail: mark.k === "-" ? state.tail : tail,
    bytesSinceCheckpoint: state.bytesSinceCheckpoint + record.body.length,
  };
  return mark.d === undefined ? grown : changed(grown, mark.d, record.timeMs);
}

export function storedState(state: StreamState): StoredState {
  const { checkpointSeq: _, bytesSinceCheckpoint: __, producers, forks, ...rest } = state;
  return { ...rest, producers: [...producers], forks: [...forks] };
}

/** True where there is nothing any more: neither for clients nor for forks. */
export function isAbsent(state: StreamState | undefined): state is undefined {
  return state === undefined || (state.isDeleted && state.forks.size === 0);
}

function restored(stored: StoredState, { seq, tag }: LogRecord): StreamState {
  const here: Offset = { seq: stored.seqBase + seq, bytes: 0, tag };
  const start = stored.start ?? here;
  return {
    ...stored,
    createdSeq: stored.createdSeq ?? seq,
    start,
    tail: stored.tail ?? start,
    producers: new Map(stored.producers),
    forks: new Map(stored.forks),
    checkpointSeq: seq,
    bytesSinceCheckpoint: 0,
  };
}

function changed(state: StreamState, delta: Delta, atMs: number): StreamState {
  const { producer, streamSeq, close, addFork, dropForks } = delta;
  return {
    ...state,
    ...(streamSeq === undefined ? {} : { streamSeq }),
    ...(close === undefined ? {} : { isClosed: true, ...(producer && { closedBy: producer }) }),
    ...(delta.delete === undefined ? {} : { isDeleted: true }),
    ...(producer === undefined ? {} : { producers: withProducer(state.producers, producer, atMs) }),
    ...(addFork === undefined
      ? {}
      : { forks: new Map([...state.forks, [addFork.life, { path: addFork.path, atMs }]]) }),
    ...(dropForks === undefined
      ? {}
      : { forks: new Map([...state.forks].filter(([life]) => !dropForks.includes(life))) }),
  };
}

function withProducer(
  producers: StreamState["producers"],
  { id, epoch, seq }: Producer,
  atMs: number,
): StreamState["producers"] {
  const next = new Map(producers);
  if (!next.has(id) && next.size >= MAX_PRODUCERS) {
    for (const [other, { atMs: wroteAtMs }] of next) if (isForgettable(wroteAtMs, atMs)) next.delete(other);
  }
  next.set(id, { epoch, seq, atMs });
  return next;
}

export function isForgettable(wroteAtMs: number, nowMs: number): boolean {
  return wroteAtMs + PRODUCER_MEMORY_MS <= nowMs;
}
