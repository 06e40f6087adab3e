import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Piece } from "../retention.ts";
import { joinPieces, type PackedRecords, type PieceBuilder } from "./sqlite-piece.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

/** What trimming needs to know of a row. */
export interface StoredPiece extends Omit<Piece, "recordCount"> {
  readonly lastSeq: number;
  readonly lastTag: string;
}

/** The rows that hold records. */
export class PieceTable {
  readonly #insert: StatementSync;
  readonly #selectOldest: StatementSync;
  readonly #selectAfter: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteSome: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare(
      `INSERT INTO piece (log_id, last_seq, first_seq, last_tag, byte_count, time_ms, head, bodies)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#selectOldest = db.prepare(
      "SELECT last_seq, last_tag, byte_count, time_ms FROM piece WHERE log_id = ? ORDER BY last_seq LIMIT 1",
    );
    this.#selectAfter = db.prepare(
      `SELECT first_seq, last_seq, byte_count, head, ${asBytes("bodies")} FROM piece
       WHERE log_id = ? AND last_seq > ? ORDER BY last_seq`,
    );
    this.#delete = db.prepare("DELETE FROM piece WHERE log_id = ? AND last_seq = ?");
    this.#deleteSome = db.prepare(
      `DELETE FROM piece WHERE log_id = ? AND last_seq IN
       (SELECT last_seq FROM piece WHERE log_id = ? ORDER BY last_seq LIMIT ?)`,
    );
  }

  insert(logId: number, piece: PieceBuilder): void {
    const { lastSeq, firstSeq, lastTag, byteCount, timeMs, head, bodies } = piece;
    this.#insert.run(logId, lastSeq, firstSeq, lastTag, byteCount, timeMs, head, bodies);
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

  /** Removes at most `maxCount` rows of a log; returns how many. */
  deleteSome(logId: number, maxCount: number): number {
    return Number(this.#deleteSome.run(logId, logId, maxCount).changes);
  }

  /** At least what a reader asks for: the first and the last row may hold more. `undefined` at the end of the log. */
  readAfter(
    logId: number,
    afterSeq: number,
    maxRecords: number,
    maxBytes: number,
  ): PackedRecords | undefined {
    const pieces: PackedRecords[] = [];
    let recordCount = 0;
    let byteCount = 0;
    for (const row of this.#selectAfter.iterate(logId, afterSeq)) {
      const firstSeq = row["first_seq"] as number;
      const lastSeq = row["last_seq"] as number;
      pieces.push({ firstSeq, head: row["head"] as string, bodies: textOf(row["bodies"]) });
      recordCount += lastSeq - Math.max(afterSeq, firstSeq - 1);
      // Of a row that starts before the reader it is not known how much is asked for: it does not count.
      if (firstSeq > afterSeq) byteCount += row["byte_count"] as number;
      if (recordCount >= maxRecords || byteCount >= maxBytes) break;
    }
    return joinPieces(pieces);
  }
}
