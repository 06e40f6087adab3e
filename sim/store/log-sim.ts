/** One log of the simulated store, as plain data with what the scripts do to it. */
import { ORIGIN_TAG, type Position } from "@tachikoma/protocol";
import { hasOutlived, isSurplus, recordBytes } from "../../packages/server/src/stores/retention.ts";
import type {
  AppendRequest,
  AppendResult,
  LogRecord,
  LogState,
  ReadRequest,
  ReadResult,
  Retention,
} from "../../packages/server/src/stores/store.ts";

export interface LogSim {
  readonly epoch: string;
  /** Of the store, when this epoch began. */
  readonly generation: number;
  base: { readonly seq: number; readonly tag: string };
  head: { readonly seq: number; readonly tag: string };
  readonly records: LogRecord[];
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
    byteCount: 0,
    maxAgeMs: Number.POSITIVE_INFINITY,
    appendedAtMs: nowMs,
    appends: new Map(),
  };
}

export function copyLog(log: LogSim): LogSim {
  return { ...log, records: [...log.records], appends: new Map(log.appends) };
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
  for (const record of records) {
    seq += 1;
    log.records.push({ ...record, seq, tag, timeMs: nowMs });
    log.byteCount += recordBytes(record);
  }
  log.head = { seq, tag };
  log.appendedAtMs = nowMs;
  log.maxAgeMs = retention.maxAgeMs;
  const result = { epoch: log.epoch, firstSeq, lastSeq: seq, tag, timeMs: nowMs, isDuplicate: false };
  if (idempotencyKey !== undefined) log.appends.set(idempotencyKey, result);
  trim(log, retention, nowMs);
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
  let count = 0;
  while (count < log.records.length && hasOutlived(log.records[count]!.timeMs, log.maxAgeMs, nowMs))
    count += 1;
  drop(log, count);
}

export function expireKeys(log: LogSim, untilMs: number): void {
  for (const [key, { timeMs }] of log.appends) if (timeMs <= untilMs) log.appends.delete(key);
}

export function isIdle(log: LogSim, sinceMs: number): boolean {
  return log.records.length === 0 && log.appends.size === 0 && log.appendedAtMs <= sinceMs;
}

function trim(log: LogSim, retention: Retention, nowMs: number): void {
  let count = 0;
  let { byteCount } = log;
  for (const record of log.records) {
    const retained = { recordCount: log.records.length - count, byteCount };
    const oldest = { recordCount: 1, byteCount: recordBytes(record), timeMs: record.timeMs };
    if (!isSurplus(retained, oldest, retention, nowMs)) break;
    byteCount -= oldest.byteCount;
    count += 1;
  }
  drop(log, count);
}

function drop(log: LogSim, count: number): void {
  if (count === 0) return;
  const dropped = log.records.splice(0, count);
  for (const record of dropped) log.byteCount -= recordBytes(record);
  const { seq, tag } = dropped.at(-1)!;
  log.base = { seq, tag };
}

function place(epoch: string, { seq, tag }: { readonly seq: number; readonly tag: string }): Position {
  return { epoch, seq, tag };
}
