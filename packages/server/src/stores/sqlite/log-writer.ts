/**
 * Appends. Those of one transaction are collected per log and written by `flush`, so that a log costs one row of `piece`
 * and one update of `log` however many appends the commit holds.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fencedMessage } from "../fence.ts";
import { headFault } from "../head-fault.ts";
import { hasOutlived, isSurplus } from "../retention.ts";
import type { AppendRequest, AppendResult, Fence, LogKey, LogState } from "../store.ts";
import type { FencedWrites } from "./fenced-writes.ts";
import type { IdempotencyTable } from "./idempotency-table.ts";
import type { LeaseTable } from "./lease-table.ts";
import { type Log, type LogTable, logStateOf } from "./log-table.ts";
import type { PieceTable, StoredPiece } from "./piece-table.ts";
import { placeOfLog, type Quarantine } from "./quarantine.ts";
import { Refusal } from "./refusal.ts";
import { PieceBuilder } from "./sqlite-piece.ts";
import { TrimBudget } from "./trim-budget.ts";

/** What one commit trims from all of its logs. Where retention shrank a lot, the next appends and sweeps go on. */
const MAX_TRIMMED_PIECES = 512;
const MAX_TRIMMED_BYTES = 8 * 1024 * 1024;
/** A log that is appended to may always lose as much, or it would grow while others use up the commit's share. */
const MIN_TRIMMED_PIECES = 2;

export interface LogTables {
  readonly logs: LogTable;
  readonly pieces: PieceTable;
  readonly idempotency: IdempotencyTable;
  readonly leases: LeaseTable;
  readonly fencedWrites: FencedWrites;
}

export class LogWriter {
  readonly #tables: LogTables;
  readonly #quarantine: Quarantine;
  readonly #markDropped: StatementSync;
  readonly #changed = new Set<Log>();

  constructor(db: DatabaseSync, tables: LogTables, quarantine: Quarantine) {
    this.#tables = tables;
    this.#quarantine = quarantine;
    this.#markDropped = db.prepare("INSERT INTO dropped_log VALUES (?)");
  }

  open(key: LogKey, freshEpoch: string, nowMs: number): LogState {
    return this.#watch(key, () => logStateOf(this.#findOrCreate(key, freshEpoch, nowMs)));
  }

  append(request: AppendRequest, tag: string, freshEpoch: string): AppendResult {
    const { key, fence } = request;
    const earlier =
      this.#watch(key, () => this.#earlierAppend(request)) ?? (fence && this.#earlierWrite(fence));
    if (earlier !== undefined) return earlier;
    if (request.expectedHead !== undefined) this.#watch(key, () => this.#checkHead(request));
    const result = this.#watch(key, () => this.#append(request, tag, freshEpoch));
    if (fence !== undefined) this.#tables.fencedWrites.note(fence, result);
    return result;
  }

  /** Takes constant time: a sweep removes what the log held. */
  delete(key: LogKey): void {
    this.#watch(key, () => {
      const log = this.#tables.logs.find(key);
      if (log === undefined) return;
      this.#changed.delete(log);
      this.#tables.logs.delete(log);
      this.#markDropped.run(log.logId);
    });
  }

  /** Writes what was collected. Part of the transaction, at its end. */
  flush(): void {
    const budget = new TrimBudget(MAX_TRIMMED_PIECES, MAX_TRIMMED_BYTES);
    for (const log of this.#changed) this.#watch(log.key, () => this.#write(log, budget));
    this.#changed.clear();
  }

  /** Removes pieces past their age, within the budget. */
  expire(key: LogKey, nowMs: number, budget: TrimBudget): void {
    this.#watch(key, () => {
      const log = this.#tables.logs.find(key);
      if (log === undefined) return;
      this.#trim(log, budget, 0, ({ timeMs }) => hasOutlived(timeMs, log.maxAgeMs, nowMs));
      this.#save(log);
    });
  }

  /** After a rollback nothing of what was kept in memory is true. */
  forget(): void {
    this.#changed.clear();
    this.#tables.logs.forget();
    this.#tables.fencedWrites.forget();
  }

  #watch<Result>(key: LogKey, part: () => Result): Result {
    return this.#quarantine.watch(() => placeOfLog(key), part);
  }

  #findOrCreate(key: LogKey, freshEpoch: string, nowMs: number): Log {
    return this.#tables.logs.find(key) ?? this.#tables.logs.create(key, freshEpoch, nowMs);
  }

  #earlierAppend({ key, idempotencyKey }: AppendRequest): AppendResult | undefined {
    if (idempotencyKey === undefined) return undefined;
    const log = this.#tables.logs.find(key);
    const earlier = log && this.#tables.idempotency.find(log.logId, idempotencyKey);
    return earlier && { epoch: log.epoch, ...earlier, isDuplicate: true };
  }

  /** @throws FENCED */
  #earlierWrite(fence: Fence): AppendResult | undefined {
    const currentToken = this.#tables.leases.currentToken(fence.lease);
    if (currentToken !== fence.token) throw new Refusal("FENCED", fencedMessage(fence, currentToken));
    return this.#tables.fencedWrites.earlier(fence);
  }

  /** @throws HEAD_MOVED */
  #checkHead({ key, expectedHead }: AppendRequest): void {
    const log = this.#tables.logs.find(key);
    const moved = headFault(expectedHead!, log && logStateOf(log).head);
    if (moved !== undefined) throw new Refusal("HEAD_MOVED", moved);
  }

  #append(request: AppendRequest, tag: string, freshEpoch: string): AppendResult {
    const { key, idempotencyKey, nowMs } = request;
    const log = this.#findOrCreate(key, freshEpoch, nowMs);
    const firstSeq = log.headSeq + 1;
    this.#changed.add(log);
    this.#addRecords(log, request, tag);
    const result = { firstSeq, lastSeq: log.headSeq, tag, timeMs: nowMs };
    if (idempotencyKey !== undefined) this.#tables.idempotency.insert(log.logId, idempotencyKey, result);
    return { epoch: log.epoch, ...result, isDuplicate: false };
  }

  #addRecords(log: Log, { records, nowMs, retention }: AppendRequest, tag: string): void {
    for (const record of records) {
      if (log.unwritten?.isFull) this.#writePiece(log);
      log.unwritten ??= new PieceBuilder(log.headSeq + 1);
      log.unwritten.add(record, tag, nowMs);
      log.headSeq += 1;
    }
    log.headTag = tag;
    log.appendedAtMs = nowMs;
    log.retention = retention;
  }

  #write(log: Log, budget: TrimBudget): void {
    const { retention, appendedAtMs: nowMs } = log;
    this.#writePiece(log);
    if (retention !== undefined) {
      log.maxAgeMs = Math.min(retention.maxAgeMs, Number.MAX_SAFE_INTEGER);
      this.#trim(log, budget, MIN_TRIMMED_PIECES, (piece) =>
        isSurplus(retainedOf(log), withCount(log, piece), retention, nowMs),
      );
    }
    log.retention = undefined;
    this.#save(log);
  }

  #writePiece(log: Log): void {
    if (log.unwritten === undefined) return;
    this.#tables.pieces.insert(log.logId, log.unwritten);
    log.byteCount += log.unwritten.byteCount;
    log.unwritten = undefined;
  }

  /** Drops the oldest pieces while `mayGo` says so: `minPieces` of them in any case, and more within the budget. */
  #trim(log: Log, budget: TrimBudget, minPieces: number, mayGo: (oldest: StoredPiece) => boolean): void {
    const { pieces } = this.#tables;
    for (let count = 0; count < minPieces || !budget.isSpent; count++) {
      log.oldestPiece ??= pieces.oldest(log.logId);
      const oldest = log.oldestPiece;
      if (oldest === undefined || !mayGo(oldest)) return;
      pieces.delete(log.logId, oldest);
      budget.spend(1, oldest.byteCount);
      log.baseSeq = oldest.lastSeq;
      log.baseTag = oldest.lastTag;
      log.byteCount -= oldest.byteCount;
      log.oldestPiece = undefined;
    }
  }

  #save(log: Log): void {
    const { logs, pieces } = this.#tables;
    logs.save(log);
    log.oldestPiece ??= pieces.oldest(log.logId);
    const expiresAtMs =
      log.oldestPiece && Math.min(log.oldestPiece.timeMs + log.maxAgeMs, Number.MAX_SAFE_INTEGER);
    logs.saveExpiry(log, expiresAtMs ?? null);
  }
}

function retainedOf({ headSeq, baseSeq, byteCount }: Log) {
  return { recordCount: headSeq - baseSeq, byteCount };
}

function withCount({ baseSeq }: Log, piece: StoredPiece) {
  return { ...piece, recordCount: piece.lastSeq - baseSeq };
}
