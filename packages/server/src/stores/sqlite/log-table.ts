/**
 * The rows of `log`. Recently used ones are kept in memory and are right because nobody else writes them; `forget` drops
 * them after a rollback.
 */

import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { compositeKey } from "../composite-key.ts";
import type { LogKey, LogState, Retention } from "../store.ts";
import { Damage } from "./damage.ts";
import type { StoredPiece } from "./piece-table.ts";
import type { PieceBuilder } from "./sqlite-piece.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

const MAX_CACHED_LOGS = 10_000;

export interface Log {
  readonly logId: number;
  readonly key: LogKey;
  readonly epoch: string;
  baseSeq: number;
  baseTag: string;
  headSeq: number;
  headTag: string;
  byteCount: number;
  appendedAtMs: number;
  maxAgeMs: number;
  /** `null` while the log is empty. */
  expiresAtMs: number | null;
  /** `undefined` when there is none, or it was not looked up yet. */
  oldestPiece: StoredPiece | undefined;
  /** What the running transaction has appended and not written yet. */
  unwritten: PieceBuilder | undefined;
  /** What the latest append of the running transaction asked for. */
  retention: Retention | undefined;
}

export function logStateOf({ epoch, baseSeq, baseTag, headSeq, headTag }: Log): LogState {
  return { base: { epoch, seq: baseSeq, tag: baseTag }, head: { epoch, seq: headSeq, tag: headTag } };
}

export class LogTable {
  readonly #originTag: string;
  readonly #cache = new Map<string, Log>();
  readonly #select: StatementSync;
  readonly #selectNewest: StatementSync;
  readonly #selectExpired: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #updateExpiry: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteIdle: StatementSync;

  constructor(db: DatabaseSync, originTag: string) {
    this.#originTag = originTag;
    this.#select = db.prepare("SELECT * FROM log WHERE tenant = ? AND channel = ?");
    this.#selectNewest = db.prepare(
      "SELECT last_seq, last_tag FROM piece WHERE log_id = ? ORDER BY last_seq DESC LIMIT 1",
    );
    this.#selectExpired = db.prepare(
      `SELECT ${asBytes("tenant", "channel")} FROM log WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?`,
    );
    this.#insert = db.prepare(
      `INSERT INTO log (tenant, channel, epoch, base_seq, base_tag, head_seq, head_tag, byte_count, appended_at_ms, max_age_ms)
       VALUES (?, ?, ?, 0, ?, 0, ?, 0, ?, 0) RETURNING *`,
    );
    this.#update = db.prepare(
      `UPDATE log SET base_seq = ?, base_tag = ?, head_seq = ?, head_tag = ?, byte_count = ?, appended_at_ms = ?, max_age_ms = ?
       WHERE log_id = ?`,
    );
    this.#updateExpiry = db.prepare("UPDATE log SET expires_at_ms = ? WHERE log_id = ?");
    this.#delete = db.prepare("DELETE FROM log WHERE log_id = ?");
    this.#deleteIdle = db.prepare(
      `DELETE FROM log WHERE log_id IN (
         SELECT log_id FROM log WHERE expires_at_ms IS NULL AND appended_at_ms <= ?
         AND NOT EXISTS (SELECT 1 FROM idempotency WHERE idempotency.log_id = log.log_id) LIMIT ?
       ) RETURNING ${asBytes("tenant", "channel")}`,
    );
  }

  find(key: LogKey): Log | undefined {
    const cacheKey = cacheKeyOf(key);
    const cached = this.#cache.get(cacheKey);
    if (cached !== undefined) return cached;
    const row = this.#select.get(key.tenant, key.channel);
    if (row === undefined) return undefined;
    const log = logOf(key, row);
    this.#checkHead(log);
    return this.#keep(cacheKey, log);
  }

  create(key: LogKey, epoch: string, nowMs: number): Log {
    const row = this.#insert.get(key.tenant, key.channel, epoch, this.#originTag, this.#originTag, nowMs)!;
    return this.#keep(cacheKeyOf(key), logOf(key, row));
  }

  save(log: Log): void {
    const { logId, baseSeq, baseTag, headSeq, headTag, byteCount, appendedAtMs, maxAgeMs } = log;
    this.#update.run(baseSeq, baseTag, headSeq, headTag, byteCount, appendedAtMs, maxAgeMs, logId);
  }

  /** Apart from `save` because it moves the row in an index, and changes rarely. */
  saveExpiry(log: Log, expiresAtMs: number | null): void {
    if (log.expiresAtMs === expiresAtMs) return;
    log.expiresAtMs = expiresAtMs;
    this.#updateExpiry.run(expiresAtMs, log.logId);
  }

  delete(log: Log): void {
    this.#cache.delete(cacheKeyOf(log.key));
    this.#delete.run(log.logId);
  }

  /** At most `limit` logs whose oldest piece is past its age at `nowMs`. */
  expired(nowMs: number, limit: number): LogKey[] {
    return this.#selectExpired.all(nowMs, limit).map(keyOf);
  }

  /** Removes at most `maxCount` logs that are empty, remember no idempotency key and were not appended to after `sinceMs`. */
  deleteIdle(sinceMs: number, maxCount: number): number {
    const rows = this.#deleteIdle.all(sinceMs, maxCount);
    for (const row of rows) this.#cache.delete(cacheKeyOf(keyOf(row)));
    return rows.length;
  }

  forget(): void {
    this.#cache.clear();
  }

  /** Call between transactions: a log with something unwritten must not be evicted. */
  evictSurplus(): void {
    for (const cacheKey of this.#cache.keys()) {
      if (this.#cache.size <= MAX_CACHED_LOGS) return;
      this.#cache.delete(cacheKey);
    }
  }

  /** What comes next is numbered after the head, so it must be where the records end. */
  #checkHead({ logId, baseSeq, baseTag, headSeq, headTag }: Log): void {
    const newest = this.#selectNewest.get(logId);
    const endSeq = newest?.["last_seq"] ?? baseSeq;
    const endTag = newest?.["last_tag"] ?? baseTag;
    if (endSeq !== headSeq || endTag !== headTag)
      throw new Damage(`the log should end at record ${headSeq} and ends at ${endSeq}`);
  }

  #keep(cacheKey: string, log: Log): Log {
    this.#cache.set(cacheKey, log);
    return log;
  }
}

function cacheKeyOf({ tenant, channel }: LogKey): string {
  return compositeKey(tenant, channel);
}

function keyOf(row: Record<string, SQLOutputValue>): LogKey {
  return { tenant: textOf(row["tenant"]), channel: textOf(row["channel"]) };
}

function logOf(key: LogKey, row: Record<string, SQLOutputValue>): Log {
  return {
    logId: row["log_id"] as number,
    key,
    epoch: row["epoch"] as string,
    baseSeq: row["base_seq"] as number,
    baseTag: row["base_tag"] as string,
    headSeq: row["head_seq"] as number,
    headTag: row["head_tag"] as string,
    byteCount: row["byte_count"] as number,
    appendedAtMs: row["appended_at_ms"] as number,
    maxAgeMs: row["max_age_ms"] as number,
    expiresAtMs: row["expires_at_ms"] as number | null,
    oldestPiece: undefined,
    unwritten: undefined,
    retention: undefined,
  };
}
