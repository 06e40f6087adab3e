/** The database file of one owner: locked, configured and at the schema of this code. */
import type { DatabaseSync } from "node:sqlite";
import { checkIntegrity } from "./database-integrity.ts";
import { lockDatabase } from "./database-lock.ts";
import { preparePath } from "./database-path.ts";
import { currentBootId, isContinuityProven, readLastRun, writeLastRun } from "./last-run.ts";
import { prepareForNodes } from "./node-state.ts";
import type { DatabaseSettings } from "./sqlite-call.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { migrate, SCHEMA_VERSION, schemaVersionOf } from "./sqlite-schema.ts";
import { MAX_WAL_BYTES } from "./write-ahead-log.ts";

/** How long a commit waits for a tool that has locked the database for a moment. */
export const BUSY_TIMEOUT_MS = 5_000;

export interface OwnedDatabase {
  readonly db: DatabaseSync;
  /** The file's one true path. */
  readonly path: string;
  /** True when the last run may have lost what it acknowledged, so that every log was given a new epoch. */
  readonly hasRenewedEpochs: boolean;
  /** Schema version that the file had, where it was there and older. */
  readonly upgradedFrom: number | undefined;
  /** True when rosters and numbered writes are in the file. */
  readonly keepsNodeState: boolean;
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
  const { durability, lockTimeoutMs, maxFileBytes, freshEpoch, nodesElsewhere } = settings;
  db.exec(`PRAGMA busy_timeout = ${lockTimeoutMs}; PRAGMA cell_size_check = ON`);
  // Before anything is written: a file that is damaged, or is not ours, is left as it was found.
  checkIntegrity(db);
  const version = schemaVersionOf(db, path);
  // Whether a new file can shrink is decided before its first page is written, so that comes first.
  db.exec(`
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA journal_size_limit = ${MAX_WAL_BYTES};
  `);
  migrate(db, version);
  const pageBytes = Number(db.prepare("PRAGMA page_size").get()?.["page_size"]);
  db.exec(`PRAGMA max_page_count = ${Math.floor(maxFileBytes / pageBytes)}`);

  const bootId = currentBootId();
  const hasRenewedEpochs = !isContinuityProven(readLastRun(db), bootId);
  if (hasRenewedEpochs) db.prepare("UPDATE log SET epoch = ?").run(freshEpoch);
  writeLastRun(db, { durability, bootId, isClean: false });
  prepareForNodes(db, nodesElsewhere);
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
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
  const upgradedFrom = version === 0 || version === SCHEMA_VERSION ? undefined : version;
  const keepsNodeState = nodesElsewhere !== "none";
  return { db, path, hasRenewedEpochs, upgradedFrom, keepsNodeState, close };
}
