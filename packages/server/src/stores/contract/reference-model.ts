/**
 * What a store must do, in the plainest way: every log keeps all it ever got, and a number says how much of it is gone by
 * the letter of the retention. A store may keep a little more than the model, never less.
 */
import type { AppendRequest, LogKey, NewRecord, Retention } from "../store.ts";

export interface ModelLog {
  readonly records: (NewRecord & { readonly timeMs: number })[];
  /** Records that are gone by the letter of the retention. */
  trimmedCount: number;
  maxAgeMs: number;
  appendedAtMs: number;
  readonly keys: Map<
    string,
    { readonly firstSeq: number; readonly lastSeq: number; readonly timeMs: number }
  >;
}

export type ModelAppend =
  | { readonly outcome: "fenced" | "moved" }
  | {
      readonly outcome: "appended" | "duplicate";
      readonly firstSeq: number;
      readonly lastSeq: number;
      timeMs: number;
    };

export class ReferenceModel {
  readonly logs = new Map<string, ModelLog>();
  readonly leases = new Map<string, { owner: string; token: number; expiresAtMs: number; body: string }>();
  readonly sessions = new Map<string, { text: string; expiresAtMs: number }>();
  readonly receipts = new Map<string, { text: string; expiresAtMs: number }>();

  log(key: LogKey): ModelLog | undefined {
    return this.logs.get(key.channel);
  }

  open(key: LogKey, nowMs: number): ModelLog {
    const existing = this.log(key);
    if (existing !== undefined) return existing;
    const log: ModelLog = { records: [], trimmedCount: 0, maxAgeMs: 0, appendedAtMs: nowMs, keys: new Map() };
    this.logs.set(key.channel, log);
    return log;
  }

  append({
    key,
    records,
    nowMs,
    retention,
    idempotencyKey,
    fence,
    expectedHead,
  }: AppendRequest): ModelAppend {
    const earlier = idempotencyKey === undefined ? undefined : this.log(key)?.keys.get(idempotencyKey);
    if (earlier !== undefined) return { outcome: "duplicate", ...earlier };
    if (fence !== undefined && this.leases.get(fence.lease)?.token !== fence.token)
      return { outcome: "fenced" };
    if (expectedHead !== undefined && this.log(key)?.records.length !== expectedHead.seq)
      return { outcome: "moved" };
    const log = this.open(key, nowMs);
    const place = {
      firstSeq: log.records.length + 1,
      lastSeq: log.records.length + records.length,
      timeMs: nowMs,
    };
    for (const record of records) log.records.push({ ...record, timeMs: nowMs });
    log.appendedAtMs = nowMs;
    log.maxAgeMs = retention.maxAgeMs;
    if (idempotencyKey !== undefined) log.keys.set(idempotencyKey, place);
    trim(log, retention, nowMs);
    return { outcome: "appended", ...place };
  }

  sweep(nowMs: number, idleLogMs: number, idempotencyMs: number): void {
    const isOver = ({ expiresAtMs }: { expiresAtMs: number }) => expiresAtMs <= nowMs;
    for (const [name, entry] of this.sessions) if (isOver(entry)) this.sessions.delete(name);
    for (const [name, entry] of this.receipts) if (isOver(entry)) this.receipts.delete(name);
    for (const [channel, log] of this.logs) {
      for (const [key, { timeMs }] of log.keys) if (timeMs + idempotencyMs <= nowMs) log.keys.delete(key);
      trim(log, { maxRecords: Infinity, maxBytes: Infinity, maxAgeMs: log.maxAgeMs }, nowMs);
      const isEmpty = log.trimmedCount === log.records.length && log.keys.size === 0;
      if (isEmpty && log.appendedAtMs + idleLogMs <= nowMs) this.logs.delete(channel);
    }
  }
}

function trim(log: ModelLog, { maxRecords, maxBytes, maxAgeMs }: Retention, nowMs: number): void {
  const kept = log.records.slice(log.trimmedCount);
  let byteCount = kept.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
  let recordCount = kept.length;
  for (const { body, timeMs } of kept) {
    recordCount -= 1;
    byteCount -= Buffer.byteLength(body);
    const isOver = recordCount >= maxRecords || byteCount >= maxBytes || timeMs + maxAgeMs <= nowMs;
    if (!isOver) return;
    log.trimmedCount += 1;
  }
}
