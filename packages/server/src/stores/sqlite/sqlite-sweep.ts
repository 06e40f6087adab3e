import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { SweepRequest, SweepResult } from "../store.ts";
import type { FreeSpace } from "./free-space.ts";
import type { LogTables, LogWriter } from "./log-writer.ts";
import { placeOfLog, type Quarantine } from "./quarantine.ts";
import type { ReceiptTable } from "./receipt-table.ts";
import type { SessionTable } from "./session-table.ts";
import { TrimBudget } from "./trim-budget.ts";

/** Bounds of one slice: on a file of 100 MB it takes 4 ms, 20 ms where a checkpoint falls into it (2 cores, Node 24). */
const MAX_ROWS = 500;
const MAX_LOGS = 100;
/** Pieces can be large: fewer of them, and no more than this together. */
const MAX_PIECES = 200;
const MAX_PIECE_BYTES = 4 * 1024 * 1024;

export interface SweepTables extends LogTables {
  readonly sessions: SessionTable;
  readonly receipts: ReceiptTable;
}

/** True when there may be more to do. What is damaged is stepped over: the rest must not grow because of it. */
type Part = () => boolean;

export class Sweeper {
  readonly #tables: SweepTables;
  readonly #writer: LogWriter;
  readonly #freeSpace: FreeSpace;
  readonly #quarantine: Quarantine;
  readonly #selectDropped: StatementSync;
  readonly #deleteDropped: StatementSync;

  constructor(
    db: DatabaseSync,
    tables: SweepTables,
    { writer, freeSpace, quarantine }: { writer: LogWriter; freeSpace: FreeSpace; quarantine: Quarantine },
  ) {
    this.#tables = tables;
    this.#writer = writer;
    this.#freeSpace = freeSpace;
    this.#quarantine = quarantine;
    this.#selectDropped = db.prepare("SELECT log_id FROM dropped_log LIMIT ?");
    this.#deleteDropped = db.prepare("DELETE FROM dropped_log WHERE log_id = ?");
  }

  sweep({ nowMs, idleLogMs, idempotencyMs }: SweepRequest): SweepResult {
    const { logs, idempotency, sessions, receipts } = this.#tables;
    // The appends of this transaction must be in the tables that are searched here.
    this.#writer.flush();
    const isSliceFull = [
      this.#sweep("sessions", () => sessions.deleteExpired(nowMs, MAX_ROWS) === MAX_ROWS),
      this.#sweep("receipts", () => receipts.deleteExpired(nowMs, MAX_ROWS) === MAX_ROWS),
      this.#sweep("keys", () => idempotency.deleteOld(nowMs - idempotencyMs, MAX_ROWS) === MAX_ROWS),
      this.#expireRecords(nowMs),
      this.#sweep("logs", () => logs.deleteIdle(nowMs - idleLogMs, MAX_LOGS) === MAX_LOGS),
      this.#removeDropped(),
    ];
    // Space is given back when nothing more becomes free.
    const hasMore = isSliceFull.includes(true) || this.#sweep("free space", () => this.#freeSpace.giveBack());
    return { hasMore };
  }

  #sweep(what: string, part: Part): boolean {
    const place = `what a sweep removes: ${what}`;
    return !this.#quarantine.isClosed(place) && this.#quarantine.watch(() => place, part);
  }

  #expireRecords(nowMs: number): boolean {
    const budget = new TrimBudget(MAX_PIECES, MAX_PIECE_BYTES);
    const keys = this.#tables.logs.expired(nowMs, MAX_LOGS + this.#quarantine.size);
    for (const key of keys) {
      if (budget.isSpent) return true;
      if (!this.#quarantine.isClosed(placeOfLog(key))) this.#writer.expire(key, nowMs, budget);
    }
    return budget.isSpent || keys.length >= MAX_LOGS + this.#quarantine.size;
  }

  /** Removes what deleted logs have left. */
  #removeDropped(): boolean {
    const maxLogs = MAX_LOGS + this.#quarantine.size;
    const budget = new TrimBudget(MAX_PIECES, MAX_PIECE_BYTES);
    const rows = this.#selectDropped.all(maxLogs);
    let keyBudget = MAX_ROWS;
    for (const row of rows) {
      const logId = row["log_id"] as number;
      const place = `what deleted log ${logId} has left`;
      if (this.#quarantine.isClosed(place)) continue;
      keyBudget -= this.#quarantine.watch(
        () => place,
        () => this.#removeOf(logId, budget, keyBudget),
      );
      if (budget.isSpent || keyBudget <= 0) return true;
      this.#deleteDropped.run(logId);
    }
    return rows.length >= maxLogs;
  }

  /** Returns how many keys it removed. */
  #removeOf(logId: number, budget: TrimBudget, keyBudget: number): number {
    const { pieces, idempotency } = this.#tables;
    const { pieceCount, byteCount } = pieces.deleteSome(logId, budget.pieceCount, budget.byteCount);
    budget.spend(pieceCount, byteCount);
    return idempotency.deleteOfLog(logId, keyBudget);
  }
}
