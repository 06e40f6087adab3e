/**
 * Keeps the write-ahead log small. SQLite copies it into the database after each 4 MiB by itself and then starts it over;
 * what it cannot do alone is to cut the file once it had to grow, because somebody was reading for long or the disk was full.
 */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

/** The file is cut when it is larger. */
export const MAX_WAL_BYTES = 16 * 1024 * 1024;
/** A reader that keeps the log from being cut is worth a warning from here on. */
const MAX_QUIET_WAL_BYTES = 256 * 1024 * 1024;

export class WriteAheadLog {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #busyTimeoutMs: number;
  readonly #onPinned: (byteCount: number) => void;
  #isPinned = false;

  constructor(
    db: DatabaseSync,
    options: {
      readonly path: string;
      readonly busyTimeoutMs: number;
      /** Somebody reads the database and the log has grown far: called once until it could be cut again. */
      readonly onPinned: (byteCount: number) => void;
    },
  ) {
    this.#db = db;
    this.#path = `${options.path}-wal`;
    this.#busyTimeoutMs = options.busyTimeoutMs;
    this.#onPinned = options.onPinned;
  }

  /** Between transactions. Costs nothing while the file is small. */
  tend(): void {
    const byteCount = statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
    if (byteCount <= MAX_WAL_BYTES) {
      this.#isPinned = false;
      return;
    }
    const isCut = this.#cut();
    if (!isCut && byteCount > MAX_QUIET_WAL_BYTES && !this.#isPinned) this.#onPinned(byteCount);
    this.#isPinned = !isCut && (this.#isPinned || byteCount > MAX_QUIET_WAL_BYTES);
  }

  /** False when a reader is in the way: it is not waited for. */
  #cut(): boolean {
    this.#db.exec("PRAGMA busy_timeout = 0");
    try {
      return this.#db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0;
    } catch {
      // The disk is full or failing: the next write will say so to whoever makes it.
      return false;
    } finally {
      this.#db.exec(`PRAGMA busy_timeout = ${this.#busyTimeoutMs}`);
    }
  }
}
