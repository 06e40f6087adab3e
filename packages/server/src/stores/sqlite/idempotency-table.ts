import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AppendResult } from "../store.ts";

/** Where the append under an idempotency key went. */
export type EarlierAppend = Omit<AppendResult, "epoch" | "isDuplicate">;

export class IdempotencyTable {
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #deleteOld: StatementSync;
  readonly #deleteOfLog: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare(
      "SELECT first_seq, last_seq, tag, time_ms FROM idempotency WHERE log_id = ? AND idempotency_key = ?",
    );
    this.#insert = db.prepare(
      `INSERT INTO idempotency (log_id, idempotency_key, first_seq, last_seq, tag, time_ms) VALUES (?, ?, ?, ?, ?, ?)`,
    );
    this.#deleteOld = db.prepare(
      `DELETE FROM idempotency WHERE (log_id, idempotency_key) IN
       (SELECT log_id, idempotency_key FROM idempotency WHERE time_ms <= ? LIMIT ?)`,
    );
    this.#deleteOfLog = db.prepare(
      `DELETE FROM idempotency WHERE log_id = ? AND idempotency_key IN
       (SELECT idempotency_key FROM idempotency WHERE log_id = ? LIMIT ?)`,
    );
  }

  find(logId: number, key: string): EarlierAppend | undefined {
    const row = this.#select.get(logId, key);
    if (row === undefined) return undefined;
    return {
      firstSeq: row["first_seq"] as number,
      lastSeq: row["last_seq"] as number,
      tag: row["tag"] as string,
      timeMs: row["time_ms"] as number,
    };
  }

  insert(logId: number, key: string, { firstSeq, lastSeq, tag, timeMs }: EarlierAppend): void {
    this.#insert.run(logId, key, firstSeq, lastSeq, tag, timeMs);
  }

  /** Forgets at most `maxCount` keys of appends made at or before `untilMs`; returns how many. */
  deleteOld(untilMs: number, maxCount: number): number {
    return Number(this.#deleteOld.run(untilMs, maxCount).changes);
  }

  deleteOfLog(logId: number, maxCount: number): number {
    return Number(this.#deleteOfLog.run(logId, logId, maxCount).changes);
  }
}
