import type { LogRecord } from "../../stores/store.ts";

/** What a record costs in memory beside its body: the object, its strings' headers, its place in the array. */
const RECORD_OVERHEAD_BYTES = 160;

/**
 * The newest records of one log, without gaps, ending at the head. A cache and nothing more: readers who stand before it
 * go to the store.
 */
export class LogRing {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #records: LogRecord[] = [];
  /** Index of the oldest live record: dropping from the front must not move the rest. */
  #start = 0;
  #endSeq: number;
  #byteCount = 0;

  constructor(endSeq: number, maxRecords: number, maxBytes: number) {
    this.#endSeq = endSeq;
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  get recordCount(): number {
    return this.#records.length - this.#start;
  }

  /** Readers at this seq or later are served from here. */
  get servesAfterSeq(): number {
    return this.#endSeq - this.recordCount;
  }

  push(record: LogRecord): void {
    this.#records.push(record);
    this.#endSeq = record.seq;
    this.#byteCount += costOf(record);
    while (this.recordCount > this.#maxRecords || this.#byteCount > this.#maxBytes) this.#dropOldest();
  }

  /** Forgets everything and goes on after `endSeq`: what came between was not seen here. */
  restart(endSeq: number): void {
    this.#records = [];
    this.#start = 0;
    this.#byteCount = 0;
    this.#endSeq = endSeq;
  }

  /** The record at `seq`, when it is here. */
  at(seq: number): LogRecord | undefined {
    const index = seq - this.servesAfterSeq - 1;
    return index < 0 || seq > this.#endSeq ? undefined : this.#records[this.#start + index];
  }

  /** Up to `maxRecords` records after `seq`; `undefined` when the first of them is not here any more. */
  after(seq: number, maxRecords: number): readonly LogRecord[] | undefined {
    const offset = seq - this.servesAfterSeq;
    if (offset < 0 || seq > this.#endSeq) return undefined;
    const from = this.#start + offset;
    return this.#records.slice(from, from + maxRecords);
  }

  #dropOldest(): void {
    const oldest = this.#records[this.#start]!;
    this.#byteCount -= costOf(oldest);
    this.#start += 1;
    if (this.#start > 64 && this.#start * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#start);
      this.#start = 0;
    }
  }
}

export function costOf(record: LogRecord): number {
  return record.body.length + RECORD_OVERHEAD_BYTES;
}
