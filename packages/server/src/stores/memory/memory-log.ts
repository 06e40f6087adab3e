import { ORIGIN_TAG, type Position } from "@tachikoma/protocol";
import { loggedRecord } from "../../core/log/logged-record.ts";
import { hasOutlived, isSurplus, recordBytes } from "../retention.ts";
import type {
  AppendRequest,
  AppendResult,
  LogRecord,
  LogState,
  ReadRequest,
  ReadResult,
  Retention,
} from "../store.ts";

/** The log of one channel. */
export class MemoryLog {
  readonly #epoch: string;
  #base: Position;
  #head: Position;
  #records: LogRecord[] = [];
  #byteCount = 0;
  #maxAgeMs = Number.POSITIVE_INFINITY;
  #appendedAtMs: number;
  /** Made with the first key: most logs of sessions never have one. */
  #appendsByKey: Map<string, AppendResult> | undefined;

  constructor(epoch: string, nowMs: number) {
    this.#epoch = epoch;
    this.#base = { epoch, seq: 0, tag: ORIGIN_TAG };
    this.#head = this.#base;
    this.#appendedAtMs = nowMs;
  }

  get state(): LogState {
    return { base: this.#base, head: this.#head };
  }

  /** What an earlier append under this key returned. */
  earlierAppend(idempotencyKey: string): AppendResult | undefined {
    const earlier = this.#appendsByKey?.get(idempotencyKey);
    return earlier === undefined ? undefined : { ...earlier, isDuplicate: true };
  }

  append({ records, nowMs, retention, idempotencyKey }: AppendRequest, tag: string): AppendResult {
    const firstSeq = this.#head.seq + 1;
    for (const [index, record] of records.entries()) {
      this.#records.push(loggedRecord(record, firstSeq + index, tag, nowMs));
      this.#byteCount += recordBytes(record);
    }
    this.#head = { epoch: this.#epoch, seq: firstSeq + records.length - 1, tag };
    this.#appendedAtMs = nowMs;
    this.#maxAgeMs = retention.maxAgeMs;
    const result: AppendResult = {
      epoch: this.#epoch,
      firstSeq,
      lastSeq: this.#head.seq,
      tag,
      timeMs: nowMs,
      isDuplicate: false,
    };
    if (idempotencyKey !== undefined) {
      this.#appendsByKey ??= new Map();
      this.#appendsByKey.set(idempotencyKey, result);
    }
    this.#trim(retention, nowMs);
    return result;
  }

  read({ afterSeq, maxRecords, maxBytes }: ReadRequest): ReadResult {
    const records: LogRecord[] = [];
    let byteCount = 0;
    for (let at = Math.max(0, afterSeq - this.#base.seq); at < this.#records.length; at++) {
      if (records.length > 0 && (records.length >= maxRecords || byteCount >= maxBytes)) break;
      const record = this.#records[at]!;
      records.push(record);
      byteCount += recordBytes(record);
    }
    return { state: this.state, records };
  }

  /** Removes at most `maxCount` records past their age; returns how many. */
  expireRecords(nowMs: number, maxCount: number): number {
    let count = 0;
    while (count < maxCount && count < this.#records.length) {
      if (!hasOutlived(this.#records[count]!.timeMs, this.#maxAgeMs, nowMs)) break;
      count++;
    }
    this.#drop(count);
    return count;
  }

  /** Forgets at most `maxCount` idempotency keys of appends made at or before `untilMs`; returns how many. */
  expireKeys(untilMs: number, maxCount: number): number {
    let count = 0;
    for (const [key, { timeMs }] of this.#appendsByKey ?? []) {
      if (count === maxCount) break;
      if (timeMs > untilMs) continue;
      this.#appendsByKey?.delete(key);
      count++;
    }
    return count;
  }

  /** True for a log that holds nothing, remembers no idempotency key and was not appended to after `sinceMs`. */
  isIdle(sinceMs: number): boolean {
    return (
      this.#records.length === 0 && (this.#appendsByKey?.size ?? 0) === 0 && this.#appendedAtMs <= sinceMs
    );
  }

  #trim(retention: Retention, nowMs: number): void {
    if (!this.#mayHaveSurplus(retention, nowMs)) return;
    let count = 0;
    let byteCount = this.#byteCount;
    for (const record of this.#records) {
      const retained = { recordCount: this.#records.length - count, byteCount };
      const oldest = { recordCount: 1, byteCount: recordBytes(record), timeMs: record.timeMs };
      if (!isSurplus(retained, oldest, retention, nowMs)) break;
      byteCount -= oldest.byteCount;
      count++;
    }
    this.#drop(count);
  }

  /** Mostly not, which is seen without a look at any record but the oldest. */
  #mayHaveSurplus({ maxRecords, maxBytes, maxAgeMs }: Retention, nowMs: number): boolean {
    const oldest = this.#records[0];
    return (
      this.#records.length > maxRecords ||
      this.#byteCount > maxBytes ||
      (oldest !== undefined && hasOutlived(oldest.timeMs, maxAgeMs, nowMs))
    );
  }

  #drop(count: number): void {
    if (count === 0) return;
    const dropped = this.#records.splice(0, count);
    for (const record of dropped) this.#byteCount -= recordBytes(record);
    const last = dropped.at(-1)!;
    this.#base = { epoch: this.#epoch, seq: last.seq, tag: last.tag };
  }
}
