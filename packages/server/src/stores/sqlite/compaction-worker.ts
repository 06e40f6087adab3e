/** The thread that compacts a database. */
import { statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import type { CompactionResult, CompactionSettings, FromCompaction } from "./compaction-call.ts";
import { checkIntegrity } from "./database-integrity.ts";
import { lockDatabase } from "./database-lock.ts";
import { checkIsWritable, existingPath } from "./database-path.ts";
import { Refusal } from "./refusal.ts";
import { databaseHolder, openFailure, writeFaultOf } from "./sqlite-fault.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { schemaVersionOf } from "./sqlite-schema.ts";

function compact({ path, lockTimeoutMs }: CompactionSettings): CompactionResult {
  const truePath = existingPath(path);
  checkIsWritable(truePath);
  const lock = lockUnused(truePath, lockTimeoutMs);
  try {
    const { DatabaseSync } = loadSqlite();
    const db = new DatabaseSync(truePath);
    try {
      return rewrite(db, truePath, lockTimeoutMs);
    } finally {
      db.close();
    }
  } finally {
    lock.close();
  }
}

function lockUnused(path: string, timeoutMs: number): DatabaseSync {
  try {
    return lockDatabase(path, timeoutMs);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Refusal(error.code, `${error.message}. Stop it first`, { cause: error });
  }
}

function rewrite(db: DatabaseSync, path: string, lockTimeoutMs: number): CompactionResult {
  db.exec(`PRAGMA busy_timeout = ${lockTimeoutMs}; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON`);
  checkIntegrity(db);
  schemaVersionOf(db, path);
  // So that the sizes are those of the one file.
  cutWriteAheadLog(db, path);
  const bytesBefore = statSync(path).size;
  checkRoom(db, path);
  try {
    db.exec("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
  } catch (error) {
    if (writeFaultOf(error) !== "full") throw error;
    throw new Refusal("STORE_UNAVAILABLE", `There is no room to write ${path} anew; it is as it was`);
  }
  cutWriteAheadLog(db, path);
  return { path, bytesBefore, bytesAfter: statSync(path).size };
}

/** The new copy goes through the write-ahead log, which lies beside the file. */
function checkRoom(db: DatabaseSync, path: string): void {
  const number = (pragma: string) => Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
  const neededBytes = (number("page_count") - number("freelist_count")) * number("page_size");
  const { bavail, bsize } = statfsSync(dirname(path));
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes) return;
  throw new Refusal(
    "STORE_UNAVAILABLE",
    `Writing ${path} anew needs ${neededBytes} bytes, and ${freeBytes} are free in ${dirname(path)}`,
  );
}

function cutWriteAheadLog(db: DatabaseSync, path: string): void {
  if (db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0) return;
  throw new Refusal(
    "STORE_UNAVAILABLE",
    `Database ${path} is being read by ${databaseHolder(path)}: it cannot be compacted meanwhile`,
  );
}

const settings = workerData as CompactionSettings;
try {
  parentPort!.postMessage({ type: "compacted", result: compact(settings) } satisfies FromCompaction);
} catch (error) {
  const failure = openFailure(error, settings.path);
  parentPort!.postMessage({ type: "refused", failure } satisfies FromCompaction);
}
