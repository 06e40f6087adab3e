/**
 * Appends. Those of one transaction are collected per log and written by `flush`, so that a log costs one row of `piece`
 * and one update of `log` however many appends the commit holds.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { fencedMessage } from "../fence.ts";
import { hasOutlived, isSurplus } from "../retention.ts";
import type { AppendRequest, AppendResult, LogKey, LogState } from "../store.ts";
import type { IdempotencyTable } from "./idempotency-table.ts";
import type { LeaseTable } from "./lease-table.ts";
import { type Log, type LogTable, logStateOf } from "./log-table.ts";
import type { PieceTable, StoredPiece } from "./piece-table.ts";
import { Refusal } from "./refusal.ts";
import { PieceBuilder } from "./sqlite-piece.ts";

/** Pieces trimmed from a log after one commit: where retention shrank a lot, several appends share the work. */
const MAX_TRIMMED_PIECES = 64;

export interface LogTables {
  readonly logs: LogTable;
  readonly pieces: PieceTable;
  readonly idempotency: IdempotencyTable;
  readonly leases: LeaseTable;
}

export class LogWriter {
  readonly #tables: LogTables;
  readonly #markDropped: StatementSync;
  readonly #changed = new Set<Log>();

  constructor(db: DatabaseSync, tables: LogTables) {
    this.#tables = tables;
    this.#markDropped = db.prepare("INSERT INTO dropped_log VALUES (?)");
  }

  open(key: LogKey, freshEpoch: string, nowMs: number): LogState {
    return logStateOf(this.#findOrCreate(key, freshEpoch, nowMs));
  }

  append(request: AppendRequest, tag: string, freshEpoch: string): AppendResult {
    const { key, idempotencyKey, nowMs } = request;
    const earlier = idempotencyKey === undefined ? undefined : this.#earlierAppend(key, idempotencyKey);
    if (earlier !== undefined) return earlier;
    this.#checkFence(request);

    const log = this.#findOrCreate(key, freshEpoch, nowMs);
    const firstSeq = log.headSeq + 1;
    this.#changed.add(log);
    this.#addRecords(log, request, tag);
    const result = { firstSeq, lastSeq: log.headSeq, tag, timeMs: nowMs };
    if (idempotencyKey !== undefined) this.#tables.idempotency.insert(log.logId, idempotencyKey, result);
    return { epoch: log.epoch, ...result, isDuplicate: false };
  }

  /** Takes constant time: a sweep removes what the log held. */
  delete(key: LogKey): void {
    const log = this.#tables.logs.find(key);
    if (log === undefined) return;
    this.#changed.delete(log);
    this.#tables.logs.delete(log);
    this.#markDropped.run(log.logId);
  }

  /** Writes what was collected. Part of the transaction, at its end. */
  flush(): void {
    for (const log of this.#changed) {
      const { retention, appendedAtMs: nowMs } = log;
      this.#writePiece(log);
      if (retention !== undefined) {
        log.maxAgeMs = Math.min(retention.maxAgeMs, Number.MAX_SAFE_INTEGER);
        this.#trim(log, MAX_TRIMMED_PIECES, (piece) =>
          isSurplus(retainedOf(log), withCount(log, piece), retention, nowMs),
        );
      }
      log.retention = undefined;
      this.#save(log);
    }
    this.#changed.clear();
  }

  /** Removes at most `maxPieces` pieces past their age; returns how many. */
  expire(log: Log, nowMs: number, maxPieces: number): number {
    const count = this.#trim(log, maxPieces, ({ timeMs }) => hasOutlived(timeMs, log.maxAgeMs, nowMs));
    this.#save(log);
    return count;
  }

  /** After a rollback nothing of what was kept in memory is true. */
  forget(): void {
    this.#changed.clear();
    this.#tables.logs.forget();
  }

  #findOrCreate(key: LogKey, freshEpoch: string, nowMs: number): Log {
    return this.#tables.logs.find(key) ?? this.#tables.logs.create(key, freshEpoch, nowMs);
  }

  #earlierAppend(key: LogKey, idempotencyKey: string): AppendResult | undefined {
    const log = this.#tables.logs.find(key);
    const earlier = log && this.#tables.idempotency.find(log.logId, idempotencyKey);
    return earlier && { epoch: log.epoch, ...earlier, isDuplicate: true };
  }

  #checkFence({ fence }: AppendRequest): void {
    if (fence === undefined) return;
    const currentToken = this.#tables.leases.currentToken(fence.lease);
    if (currentToken !== fence.token) throw new Refusal("FENCED", fencedMessage(fence, currentToken));
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

  #writePiece(log: Log): void {
    if (log.unwritten === undefined) return;
    this.#tables.pieces.insert(log.logId, log.unwritten);
    log.byteCount += log.unwritten.byteCount;
    log.unwritten = undefined;
  }

  /** Drops the oldest pieces, at most `maxPieces`, while `mayGo` says so; returns how many. */
  #trim(log: Log, maxPieces: number, mayGo: (oldest: StoredPiece) => boolean): number {
    const { pieces } = this.#tables;
    for (let count = 0; count < maxPieces; count++) {
      log.oldestPiece ??= pieces.oldest(log.logId);
      const oldest = log.oldestPiece;
      if (oldest === undefined || !mayGo(oldest)) return count;
      pieces.delete(log.logId, oldest);
      log.baseSeq = oldest.lastSeq;
      log.baseTag = oldest.lastTag;
      log.byteCount -= oldest.byteCount;
      log.oldestPiece = undefined;
    }
    return maxPieces;
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
