/** The database file of one owner: locked, configured and at the schema of this code. */

import { existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { currentBootId, isContinuityProven, readLastRun, writeLastRun } from "./last-run.ts";
import { Refusal } from "./refusal.ts";
import type { DatabaseSettings } from "./sqlite-call.ts";
import { isBusy } from "./sqlite-fault.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { migrate } from "./sqlite-schema.ts";

/** How long to wait for a tool that holds the file for a moment: a backup, a shell. */
const BUSY_TIMEOUT_MS = 5_000;
/** The write-ahead log is cut back to this after it had to grow. */
const MAX_IDLE_WAL_BYTES = 64 * 1024 * 1024;

export interface OwnedDatabase {
  readonly db: DatabaseSync;
  /** True when the last run may have lost what it acknowledged, so that every log was given a new epoch. */
  readonly hasRenewedEpochs: boolean;
  close(): void;
}

/** Throws what `openFailure` can explain. */
export function openDatabase(settings: DatabaseSettings): OwnedDatabase {
  const path = preparePath(settings.path);
  const lock = lockDatabase(path, settings.lockTimeoutMs);
  try {
    const { DatabaseSync } = loadSqlite();
    const db = new DatabaseSync(path);
    try {
      return ownDatabase(db, lock, path, settings);
    } catch (error) {
      db.close();
      throw error;
    }
  } catch (error) {
    lock.close();
    throw error;
  }
}

function ownDatabase(
  db: DatabaseSync,
  lock: DatabaseSync,
  path: string,
  settings: DatabaseSettings,
): OwnedDatabase {
  const { durability, maxFileBytes, freshEpoch } = settings;
  db.exec(`
    PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA journal_size_limit = ${MAX_IDLE_WAL_BYTES};
  `);
  migrate(db, path);
  const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
  db.exec(`PRAGMA max_page_count = ${Math.floor(maxFileBytes / pageBytes)}`);

  const bootId = currentBootId();
  const hasRenewedEpochs = !isContinuityProven(readLastRun(db), bootId);
  if (hasRenewedEpochs) db.prepare("UPDATE log SET epoch = ?").run(freshEpoch);
  writeLastRun(db, { durability, bootId, isClean: false });
  if (durability === "process-crash") db.exec("PRAGMA synchronous = NORMAL; PRAGMA fullfsync = OFF");

  const close = () => {
    try {
      db.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON");
      writeLastRun(db, { durability, bootId, isClean: true });
    } finally {
      db.close();
      lock.close();
    }
  };
  return { db, hasRenewedEpochs, close };
}

/** Makes the folders above the file. Returns the file's one true path: two names for it must meet at the same lock. */
function preparePath(path: string): string {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Refusal("CONFIG_INVALID", `The folder of database ${path} cannot be made: ${reason}`, {
      cause,
    });
  }
  if (!existsSync(path)) return join(realpathSync(folder), basename(path));
  if (statSync(path).isDirectory()) {
    throw new Refusal("CONFIG_INVALID", `Database path ${path} is a folder, it must name a file`);
  }
  return realpathSync(path);
}

/**
 * One owner at a time: an exclusive transaction on a file beside the database, which the operating system ends when the
 * process dies in whatever way. A lock on the database itself would also keep out shells and online backups.
 */
function lockDatabase(path: string, timeoutMs: number): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const lock = new DatabaseSync(`${path}.lock`);
  try {
    lock.exec(`PRAGMA busy_timeout = ${timeoutMs}; BEGIN EXCLUSIVE`);
    return lock;
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw new Refusal(
      "STORE_UNAVAILABLE",
      `Database ${path} is in use by another server process: a database has one owner`,
      { cause },
    );
  }
}
