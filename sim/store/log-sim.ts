/**
 * One log of the simulated store, as plain data with what the scripts do to it. What one append wrote is a piece, and only whole
 * pieces are trimmed.
 */
import { ORIGIN_TAG, type Position } from "@tachikoma/protocol";
import { isSurplus, recordBytes } from "../../packages/server/src/stores/retention.ts";
import type {
  AppendRequest,
  AppendResult,
  LogRecord,
  LogState,
  ReadRequest,
  ReadResult,
  Retention,
} from "../../packages/server/src/stores/store.ts";

/** Pieces that one append may drop. */
const MAX_TRIMMED_PIECES = 64;

interface Piece {
  readonly lastSeq: number;
  readonly recordCount: number;
  readonly byteCount: number;
  readonly tag: string;
  readonly timeMs: number;
}

export interface LogSim {
  readonly epoch: string;
  /** Of the store, when this epoch began. */
  readonly generation: number;
  base: { readonly seq: number; readonly tag: string };
  head: { readonly seq: number; readonly tag: string };
  readonly records: LogRecord[];
  readonly pieces: Piece[];
  byteCount: number;
  maxAgeMs: number;
  appendedAtMs: number;
  /** Where appends went, by idempotency key. */
  readonly appends: Map<string, AppendResult>;
}

export function emptyLog(epoch: string, generation: number, nowMs: number): LogSim {
  const origin = { seq: 0, tag: ORIGIN_TAG };
  return {
    epoch,
    generation,
    base: origin,
    head: origin,
    records: [],
    pieces: [],
    byteCount: 0,
    maxAgeMs: 0,
    appendedAtMs: nowMs,
    appends: new Map(),
  };
}

export function copyLog(log: LogSim): LogSim {
  return {
    ...log,
    records: [...log.records],
    pieces: [...log.pieces],
    appends: new Map(log.appends),
  };
}

/** The same records under another identity: nobody who stands in the log can be sure of having read this one. */
export function renewed(log: LogSim, epoch: string, generation: number): LogSim {
  return { ...log, epoch, generation };
}

export function logState({ epoch, base, head }: LogSim): LogState {
  return { base: place(epoch, base), head: place(epoch, head) };
}

export function appendTo(log: LogSim, request: AppendRequest, tag: string, nowMs: number): AppendResult {
  const { records, retention, idempotencyKey } = request;
  const firstSeq = log.head.seq + 1;
  let { seq } = log.head;
  let byteCount = 0;
  for (const record of records) {
    seq += 1;
    log.records.push({ ...record, seq, tag, timeMs: nowMs });
    byteCount += recordBytes(record);
  }
  log.pieces.push({ lastSeq: seq, recordCount: records.length, byteCount, tag, timeMs: nowMs });
  log.byteCount += byteCount;
  log.head = { seq, tag };
  log.appendedAtMs = nowMs;
  log.maxAgeMs = retention.maxAgeMs;
  const result = { epoch: log.epoch, firstSeq, lastSeq: seq, tag, timeMs: nowMs, isDuplicate: false };
  if (idempotencyKey !== undefined) log.appends.set(idempotencyKey, result);
  trim(log, retention, nowMs, MAX_TRIMMED_PIECES);
  return result;
}

/** What an append under this key came to before: its place, in whatever epoch that place is by now. */
export function earlierAppend(log: LogSim, idempotencyKey: string | undefined): AppendResult | undefined {
  const earlier = idempotencyKey === undefined ? undefined : log.appends.get(idempotencyKey);
  return earlier === undefined ? undefined : { ...earlier, epoch: log.epoch, isDuplicate: true };
}

export function readFrom(log: LogSim, { afterSeq, maxRecords, maxBytes }: ReadRequest): ReadResult {
  const records: LogRecord[] = [];
  let byteCount = 0;
  for (let at = Math.max(0, afterSeq - log.base.seq); at < log.records.length; at += 1) {
    if (records.length > 0 && (records.length >= maxRecords || byteCount >= maxBytes)) break;
    const record = log.records[at]!;
    records.push(record);
    byteCount += recordBytes(record);
  }
  return { state: logState(log), records };
}

export function expireRecords(log: LogSim, nowMs: number): void {
  const onlyByAge = { maxRecords: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY };
  trim(log, { ...onlyByAge, maxAgeMs: log.maxAgeMs }, nowMs, Number.POSITIVE_INFINITY);
}

export function expireKeys(log: LogSim, untilMs: number): void {
  for (const [key, { timeMs }] of log.appends) if (timeMs <= untilMs) log.appends.delete(key);
}

export function isIdle(log: LogSim, sinceMs: number): boolean {
  return log.records.length === 0 && log.appends.size === 0 && log.appendedAtMs <= sinceMs;
}

function trim(log: LogSim, retention: Retention, nowMs: number, maxPieces: number): void {
  let count = 0;
  for (let oldest = log.pieces[0]; oldest !== undefined && count < maxPieces; oldest = log.pieces[0]) {
    const retained = { recordCount: log.records.length, byteCount: log.byteCount };
    if (!isSurplus(retained, oldest, retention, nowMs)) return;
    log.pieces.shift();
    log.records.splice(0, oldest.recordCount);
    log.byteCount -= oldest.byteCount;
    log.base = { seq: oldest.lastSeq, tag: oldest.tag };
    count += 1;
  }
}

function place(epoch: string, { seq, tag }: { readonly seq: number; readonly tag: string }): Position {
  return { epoch, seq, tag };
}
