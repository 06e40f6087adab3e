/**
 * When the oldest piece of a log may go. A piece is whatever a store trims at once: one record, or one stored row.
 *
 * Size and count never take more than was asked: the oldest piece goes only while what remains still reaches the bound.
 * So the newest record of a log is never trimmed by count or size, only by age.
 */
import type { NewRecord, Retention } from "./store.ts";

export interface Retained {
  readonly recordCount: number;
  readonly byteCount: number;
}

export interface Piece extends Retained {
  /** Time of its newest record. */
  readonly timeMs: number;
}

export function isSurplus(retained: Retained, oldest: Piece, retention: Retention, nowMs: number): boolean {
  return (
    retained.recordCount - oldest.recordCount >= Math.max(1, retention.maxRecords) ||
    retained.byteCount - oldest.byteCount >= Math.max(1, retention.maxBytes) ||
    hasOutlived(oldest.timeMs, retention.maxAgeMs, nowMs)
  );
}

export function hasOutlived(timeMs: number, maxAgeMs: number, nowMs: number): boolean {
  return timeMs + maxAgeMs <= nowMs;
}

/** Size of a record, for retention and for read budgets: the bytes of its content. */
export function recordBytes(record: NewRecord): number {
  return Buffer.byteLength(record.body);
}
