import type { DatabaseSync } from "node:sqlite";
import { Damage } from "./damage.ts";

/** Reading and checking as much takes about 50 ms from memory; a larger file is checked on request (`checkDatabase`). */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024;

/** Throws where a file that is small enough to be looked through is damaged. */
export function checkIntegrity(db: DatabaseSync): void {
  const { page_count: pageCount } = db.prepare("PRAGMA page_count").get() as { page_count: number };
  const { page_size: pageBytes } = db.prepare("PRAGMA page_size").get() as { page_size: number };
  if (pageCount * pageBytes > MAX_CHECKED_BYTES) return;
  const [finding] = structureFindings(db, 1);
  if (finding !== undefined) throw new Damage(finding);
}

/** What SQLite finds wrong with the pages, at most `maxCount` findings. */
export function structureFindings(db: DatabaseSync, maxCount: number): string[] {
  const rows = db.prepare(`PRAGMA quick_check(${maxCount})`).all();
  // A finding may have a headline of its own.
  const findings = rows.map((row) => String(row["quick_check"]).replaceAll(/\s+/g, " "));
  return findings.length === 1 && findings[0] === "ok" ? [] : findings;
}
