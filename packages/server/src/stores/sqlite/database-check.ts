/** Looks through a whole database without changing it, also while a server uses it. */
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { LogKey } from "../store.ts";
import { structureFindings } from "./database-integrity.ts";
import { existingPath } from "./database-path.ts";
import { RecordCheck } from "./record-check.ts";
import { isDamage } from "./sqlite-fault.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { SCHEMA_VERSION, schemaVersionOf } from "./sqlite-schema.ts";

export type DatabaseDamage =
  /** Of the file as SQLite has built it: a page, an index. */
  | { readonly kind: "structure"; readonly reason: string }
  /** Records of one channel that are missing, or are not what was stored. */
  | { readonly kind: "records"; readonly key: LogKey; readonly reason: string };

export interface DatabaseCheck {
  /** The file's one true path. */
  readonly path: string;
  readonly schemaVersion: number;
  readonly byteCount: number;
  /** Space in the file that is free. `tachikoma compact` gives it back. */
  readonly freeByteCount: number;
  /** False for a file of an older server, which gives nothing back before it has been compacted once. */
  readonly canShrink: boolean;
  readonly logCount: number;
  /** Records that were looked at. Those of a file of an older schema are not. */
  readonly recordCount: number;
  /** Empty when all is sound. */
  readonly damage: readonly DatabaseDamage[];
}

export interface CheckOptions {
  /** Damage beyond this is not listed. @default 100 */
  readonly maxFindings?: number;
  /** Called after each channel, with the bytes of records. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Checks the pages, then every record: it must be there once, in order, and as it was stored. Takes as long as reading the
 * file, and blocks the thread meanwhile.
 *
 * @throws CONFIG_INVALID where there is no database of ours; what SQLite says of one that cannot be opened at all
 */
export function checkDatabase(path: string, options: CheckOptions = {}): DatabaseCheck {
  const truePath = existingPath(path);
  const { DatabaseSync } = loadSqlite();
  const db = new DatabaseSync(truePath, { readOnly: true });
  try {
    return check(db, truePath, options);
  } finally {
    db.close();
  }
}

function check(
  db: DatabaseSync,
  path: string,
  { maxFindings = 100, onProgress }: CheckOptions,
): DatabaseCheck {
  const number = (pragma: string) => Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
  const schemaVersion = schemaVersionOf(db, path);
  const damage: DatabaseDamage[] = structureFindings(db, maxFindings).map((reason) => ({
    kind: "structure",
    reason,
  }));
  let logCount = 0;
  let recordCount = 0;
  let doneBytes = 0;
  try {
    const recordCheck = schemaVersion === SCHEMA_VERSION ? new RecordCheck(db) : undefined;
    const totalBytes = recordCheck?.totalBytes() ?? 0;
    for (const log of recordCheck?.run() ?? []) {
      logCount += 1;
      recordCount += log.recordCount;
      doneBytes += log.byteCount;
      if (log.reason !== undefined) damage.push({ kind: "records", key: log.key, reason: log.reason });
      onProgress?.(doneBytes, totalBytes);
    }
  } catch (error) {
    // The list of the logs itself is damaged. The pages have been found, and the rest cannot be.
    if (!isDamage(error)) throw error;
    if (damage.length === 0) damage.push({ kind: "structure", reason: String(error) });
  }
  return {
    path,
    schemaVersion,
    byteCount: statSync(path).size,
    freeByteCount: number("freelist_count") * number("page_size"),
    canShrink: number("auto_vacuum") === 2,
    logCount,
    recordCount,
    damage: damage.slice(0, maxFindings),
  };
}
