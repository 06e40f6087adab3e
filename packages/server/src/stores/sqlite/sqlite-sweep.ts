import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SweepRequest, SweepResult } from "../store.ts";
import type { LogTables, LogWriter } from "./log-writer.ts";
import type { ReceiptTable } from "./receipt-table.ts";
import type { SessionTable } from "./session-table.ts";

/** Bounds of one slice, so that a sweep delays the appends behind it by milliseconds only. */
const MAX_ROWS = 500;
const MAX_LOGS = 100;
/** A piece can be large: fewer of them. */
const MAX_PIECES = 200;

export interface SweepTables extends LogTables {
  readonly sessions: SessionTable;
  readonly receipts: ReceiptTable;
}

export class Sweeper {
  readonly #tables: SweepTables;
  readonly #writer: LogWriter;
  readonly #selectDropped: StatementSync;
  readonly #deleteDropped: StatementSync;

  constructor(db: DatabaseSync, tables: SweepTables, writer: LogWriter) {
    this.#tables = tables;
    this.#writer = writer;
    this.#selectDropped = db.prepare("SELECT log_id FROM dropped_log LIMIT ?");
    this.#deleteDropped = db.prepare("DELETE FROM dropped_log WHERE log_id = ?");
  }

  sweep({ nowMs, idleLogMs, idempotencyMs }: SweepRequest): SweepResult {
    const { logs, idempotency, sessions, receipts } = this.#tables;
    // The appends of this transaction must be in the tables that are searched here.
    this.#writer.flush();
    const isSliceFull = [
      sessions.deleteExpired(nowMs, MAX_ROWS) === MAX_ROWS,
      receipts.deleteExpired(nowMs, MAX_ROWS) === MAX_ROWS,
      idempotency.deleteOld(nowMs - idempotencyMs, MAX_ROWS) === MAX_ROWS,
      this.#expireRecords(nowMs),
      logs.deleteIdle(nowMs - idleLogMs, MAX_LOGS) === MAX_LOGS,
      this.#removeDropped(),
    ];
    return { hasMore: isSliceFull.includes(true) };
  }

  /** True when there may be more. */
  #expireRecords(nowMs: number): boolean {
    const logs = this.#tables.logs.expired(nowMs, MAX_LOGS);
    let budget = MAX_PIECES;
    for (const log of logs) {
      if (budget === 0) break;
      budget -= this.#writer.expire(log, nowMs, budget);
    }
    return budget === 0 || logs.length === MAX_LOGS;
  }

  /** Removes what deleted logs have left; true when there may be more. */
  #removeDropped(): boolean {
    const { pieces, idempotency } = this.#tables;
    let pieceBudget = MAX_PIECES;
    let keyBudget = MAX_ROWS;
    const dropped = this.#selectDropped.all(MAX_LOGS);
    for (const row of dropped) {
      const logId = row["log_id"] as number;
      pieceBudget -= pieces.deleteSome(logId, pieceBudget);
      keyBudget -= idempotency.deleteOfLog(logId, keyBudget);
      if (pieceBudget === 0 || keyBudget === 0) return true;
      this.#deleteDropped.run(logId);
    }
    return dropped.length === MAX_LOGS;
  }
}
