import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { AppendResult } from "../store.ts";

export interface FencedWrite {
  readonly token: number;
  readonly number: number;
  readonly result: AppendResult;
}

/** The last numbered write under each lease, where whoever asks again may outlive the store. */
export class FencedWriteTable {
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare(
      "SELECT token, number, epoch, first_seq, last_seq, tag, time_ms FROM fenced_write WHERE lease = ?",
    );
    this.#upsert = db.prepare(
      `INSERT OR REPLACE INTO fenced_write
       (lease, token, number, epoch, first_seq, last_seq, tag, time_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = db.prepare("DELETE FROM fenced_write WHERE lease = ?");
  }

  find(lease: string): FencedWrite | undefined {
    const row = this.#select.get(lease);
    if (row === undefined) return undefined;
    return {
      token: row["token"] as number,
      number: row["number"] as number,
      result: {
        epoch: row["epoch"] as string,
        firstSeq: row["first_seq"] as number,
        lastSeq: row["last_seq"] as number,
        tag: row["tag"] as string,
        timeMs: row["time_ms"] as number,
        isDuplicate: false,
      },
    };
  }

  /** `undefined` for a lease that was given up. */
  put(lease: string, write: FencedWrite | undefined): void {
    if (write === undefined) {
      this.#delete.run(lease);
      return;
    }
    const { epoch, firstSeq, lastSeq, tag, timeMs } = write.result;
    this.#upsert.run(lease, write.token, write.number, epoch, firstSeq, lastSeq, tag, timeMs);
  }
}
