import type { DatabaseSync } from "node:sqlite";
import { holderText, lockHolder } from "./lock-holder.ts";
import { Refusal } from "./refusal.ts";
import { isBusy } from "./sqlite-fault.ts";
import { loadSqlite } from "./sqlite-module.ts";

/**
 * One owner at a time: an exclusive transaction on a file beside the database, which the operating system ends when the
 * process dies in whatever way. A lock on the database itself would also keep out shells and online backups.
 */
export function lockDatabase(path: string, timeoutMs: number): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const lockPath = `${path}.lock`;
  const lock = new DatabaseSync(lockPath);
  try {
    lock.exec(`PRAGMA busy_timeout = ${timeoutMs}; BEGIN EXCLUSIVE`);
    return lock;
  } catch (cause) {
    lock.close();
    if (!isBusy(cause)) throw cause;
    throw new Refusal(
      "STORE_UNAVAILABLE",
      `Database ${path} is in use by ${holderText(lockHolder(lockPath))}: a database has one owner at a time`,
      { cause },
    );
  }
}
