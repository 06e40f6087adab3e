/**
 * Gives the space of removed records back to the disk, in slices. Some free pages stay, for the records that come next: a
 * file that shrinks after each trim would only grow again.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** 2 ms of work; the commit that carries it takes about as long again. */
const MAX_PAGES_PER_SLICE = 256;
const MIN_KEPT_PAGES = 1_024;
const KEPT_SHARE = 0.2;

/** How many pages to give back now. */
export function surplusPages(pageCount: number, freePageCount: number): number {
  const keptPages = Math.max(MIN_KEPT_PAGES, Math.floor(pageCount * KEPT_SHARE));
  return Math.min(MAX_PAGES_PER_SLICE, Math.max(0, freePageCount - keptPages));
}

export class FreeSpace {
  readonly #db: DatabaseSync;
  readonly #selectPageCount: StatementSync;
  readonly #selectFreeCount: StatementSync;
  /** A file of an older server cannot shrink before `tachikoma compact` has written it anew. */
  readonly #canShrink: boolean;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#selectPageCount = db.prepare("PRAGMA page_count");
    this.#selectFreeCount = db.prepare("PRAGMA freelist_count");
    this.#canShrink = Number(db.prepare("PRAGMA auto_vacuum").get()?.["auto_vacuum"]) === 2;
  }

  /** Part of a transaction. True when there is more to give back. */
  giveBack(): boolean {
    if (!this.#canShrink) return false;
    const pages = surplusPages(
      Number(this.#selectPageCount.get()?.["page_count"]),
      Number(this.#selectFreeCount.get()?.["freelist_count"]),
    );
    if (pages > 0) this.#db.exec(`PRAGMA incremental_vacuum(${pages})`);
    return pages === MAX_PAGES_PER_SLICE;
  }
}
