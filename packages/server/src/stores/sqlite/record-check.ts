import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LogKey } from "../store.ts";
import { LogTable } from "./log-table.ts";
import { PieceTable } from "./piece-table.ts";
import { isDamage } from "./sqlite-fault.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

export interface CheckedLog {
  readonly key: LogKey;
  readonly byteCount: number;
  readonly recordCount: number;
  /** What is wrong with it. */
  readonly reason?: string;
}

/** Logs looked at in one read transaction: a server beside it can cut its write-ahead log in between. */
const LOGS_PER_TRANSACTION = 50;

/** Reads every record of a database that others may be writing. Each must be there once, in order, and as it was stored. */
export class RecordCheck {
  readonly #db: DatabaseSync;
  readonly #logs: LogTable;
  readonly #pieces: PieceTable;
  readonly #selectLogs: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#logs = new LogTable(db, "");
    this.#pieces = new PieceTable(db);
    this.#selectLogs = db.prepare(
      `SELECT log_id, byte_count, ${asBytes("tenant", "channel")} FROM log WHERE log_id > ? ORDER BY log_id LIMIT ?`,
    );
  }

  /** Bytes of all records: what `run` will look at. */
  totalBytes(): number {
    return Number(this.#db.prepare("SELECT sum(byte_count) AS bytes FROM log").get()?.["bytes"] ?? 0);
  }

  *run(): Generator<CheckedLog> {
    for (let afterId = 0; ; ) {
      // What is kept of a log is true within one transaction only: somebody else writes.
      this.#logs.forget();
      this.#db.exec("BEGIN");
      try {
        const rows = this.#selectLogs.all(afterId, LOGS_PER_TRANSACTION);
        for (const row of rows) {
          afterId = row["log_id"] as number;
          const key = { tenant: textOf(row["tenant"]), channel: textOf(row["channel"]) };
          yield { key, byteCount: row["byte_count"] as number, ...this.#check(key) };
        }
        if (rows.length < LOGS_PER_TRANSACTION) return;
      } finally {
        this.#db.exec("COMMIT");
      }
    }
  }

  #check(key: LogKey): Pick<CheckedLog, "recordCount" | "reason"> {
    let recordCount = 0;
    try {
      const log = this.#logs.find(key);
      if (log === undefined) return { recordCount, reason: "it is in the table and not in its index" };
      recordCount = log.headSeq - log.baseSeq;
      this.#pieces.check(log);
      return { recordCount };
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { recordCount, reason: error instanceof Error ? error.message : String(error) };
    }
  }
}
