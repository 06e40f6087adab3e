import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Piece } from "../retention.ts";
import { Damage } from "./damage.ts";
import { pieceChecksum } from "./piece-checksum.ts";
import { isWhole, joinPieces, type PackedRecords, type PieceBuilder } from "./sqlite-piece.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

/** What trimming needs to know of a row. */
export interface StoredPiece extends Omit<Piece, "recordCount"> {
  readonly lastSeq: number;
  readonly lastTag: string;
}

export interface Removed {
  readonly pieceCount: number;
  readonly byteCount: number;
}

/** Which log, and where its records lie. */
interface LogExtent {
  readonly logId: number;
  readonly baseSeq: number;
  readonly headSeq: number;
}

interface FoundPiece extends PackedRecords {
  readonly lastSeq: number;
  readonly byteCount: number;
}

/** The rows that hold records. */
export class PieceTable {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #selectOldest: StatementSync;
  readonly #selectSizes: StatementSync;
  #selectAfter: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteUntil: StatementSync;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#insert = db.prepare(
      `INSERT INTO piece (log_id, last_seq, first_seq, last_tag, byte_count, time_ms, head, bodies, checksum)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#selectOldest = db.prepare(
      "SELECT last_seq, last_tag, byte_count, time_ms FROM piece WHERE log_id = ? ORDER BY last_seq LIMIT 1",
    );
    this.#selectSizes = db.prepare(
      "SELECT last_seq, byte_count FROM piece WHERE log_id = ? ORDER BY last_seq LIMIT ?",
    );
    this.#selectAfter = selectAfter(db);
    this.#delete = db.prepare("DELETE FROM piece WHERE log_id = ? AND last_seq = ?");
    this.#deleteUntil = db.prepare("DELETE FROM piece WHERE log_id = ? AND last_seq <= ?");
  }

  insert(logId: number, piece: PieceBuilder): void {
    const { lastSeq, firstSeq, lastTag, byteCount, timeMs, head, bodies } = piece;
    const checksum = pieceChecksum(logId, { firstSeq, lastSeq, head }, bodies);
    this.#insert.run(logId, lastSeq, firstSeq, lastTag, byteCount, timeMs, head, bodies, checksum);
  }

  oldest(logId: number): StoredPiece | undefined {
    const row = this.#selectOldest.get(logId);
    if (row === undefined) return undefined;
    return {
      lastSeq: row["last_seq"] as number,
      lastTag: row["last_tag"] as string,
      byteCount: row["byte_count"] as number,
      timeMs: row["time_ms"] as number,
    };
  }

  delete(logId: number, piece: StoredPiece): void {
    this.#delete.run(logId, piece.lastSeq);
  }

  /** Removes the oldest rows of a log, at most `maxCount` of them and at most `maxBytes`, but at least one. */
  deleteSome(logId: number, maxCount: number, maxBytes: number): Removed {
    let pieceCount = 0;
    let byteCount = 0;
    let untilSeq = 0;
    for (const row of this.#selectSizes.all(logId, maxCount)) {
      if (pieceCount > 0 && byteCount >= maxBytes) break;
      pieceCount += 1;
      byteCount += row["byte_count"] as number;
      untilSeq = row["last_seq"] as number;
    }
    if (pieceCount > 0) this.#deleteUntil.run(logId, untilSeq);
    return { pieceCount, byteCount };
  }

  /**
   * At least what a reader asks for: the first and the last row may hold more. There must be records after `afterSeq`.
   * Throws where the rows do not hold them all, one after the other, as they were stored.
   */
  readAfter(log: LogExtent, afterSeq: number, maxRecords: number, maxBytes: number): PackedRecords {
    const pieces: PackedRecords[] = [];
    let recordCount = 0;
    let byteCount = 0;
    for (const piece of this.#piecesAfter(log, afterSeq)) {
      const { firstSeq, lastSeq, head, bodies } = piece;
      pieces.push({ firstSeq, head, bodies });
      recordCount += lastSeq - Math.max(afterSeq, firstSeq - 1);
      // Of a row that starts before the reader it is not known how much is asked for: it does not count.
      if (firstSeq > afterSeq) byteCount += piece.byteCount;
      if (recordCount >= maxRecords || byteCount >= maxBytes) break;
    }
    return joinPieces(pieces)!;
  }

  /** Throws where the rows do not hold every record of the log. */
  check(log: LogExtent): void {
    for (const _piece of this.#piecesAfter(log, log.baseSeq));
  }

  *#piecesAfter({ logId, baseSeq, headSeq }: LogExtent, afterSeq: number): Generator<FoundPiece> {
    let nextSeq = Math.max(afterSeq, baseSeq) + 1;
    let isFirst = true;
    try {
      for (const row of this.#selectAfter.iterate(logId, afterSeq)) {
        const piece = checkedPiece(logId, row);
        const { firstSeq, lastSeq } = piece;
        // A reader may stand in the middle of its first row, and of no other.
        if (isFirst ? firstSeq > nextSeq : firstSeq !== nextSeq) throw gap(nextSeq, firstSeq - 1);
        isFirst = false;
        nextSeq = lastSeq + 1;
        yield piece;
      }
    } catch (error) {
      // What fails in an iterated statement is thrown once more at its next use (Node 24): at somebody else's read.
      this.#selectAfter = selectAfter(this.#db);
      throw error;
    }
    if (nextSeq <= headSeq) throw gap(nextSeq, headSeq);
  }
}

function selectAfter(db: DatabaseSync): StatementSync {
  return db.prepare(
    `SELECT first_seq, last_seq, byte_count, head, ${asBytes("bodies")}, checksum FROM piece
     WHERE log_id = ? AND last_seq > ? ORDER BY last_seq`,
  );
}

function checkedPiece(logId: number, row: Record<string, SQLOutputValue>): FoundPiece {
  const firstSeq = row["first_seq"] as number;
  const lastSeq = row["last_seq"] as number;
  const head = row["head"] as string;
  const bytes = row["bodies"] as Uint8Array<ArrayBuffer>;
  const checksum = row["checksum"] as number | null;
  const bodies = textOf(bytes);
  // Rows of schema version 1 have no checksum.
  const isAsStored =
    checksum === null
      ? isWhole({ firstSeq, head, bodies }, lastSeq)
      : checksum === pieceChecksum(logId, { firstSeq, lastSeq, head }, bytes);
  if (!isAsStored) throw new Damage(`records ${firstSeq} to ${lastSeq} are not what was stored`);
  return { firstSeq, lastSeq, head, bodies, byteCount: row["byte_count"] as number };
}

function gap(fromSeq: number, toSeq: number): Damage {
  return new Damage(`records ${fromSeq} to ${toSeq} are missing`);
}
