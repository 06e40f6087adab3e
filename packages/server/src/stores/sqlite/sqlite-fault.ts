import { Damage } from "./damage.ts";
import { holderText, lockHolder } from "./lock-holder.ts";
import { Refusal } from "./refusal.ts";
import type { Failure, WriteFault } from "./sqlite-call.ts";

/** Primary result codes of SQLite. */
const SQLITE = {
  PERM: 3,
  BUSY: 5,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  RANGE: 25,
  NOTADB: 26,
};

/** Extended codes of IOERR that say that a place of the file cannot be read: READ, SHORT_READ, CORRUPTFS. */
const READ_FAULTS: ReadonlySet<number> = new Set([1, 2, 33].map((detail) => SQLITE.IOERR + detail * 256));

/** What to do about a damaged file, wherever it is found. */
const DAMAGE_ADVICE =
  "Restore a backup, or see what tachikoma doctor finds; docs/operating.md says how to go on without one";

function extendedCodeOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null || !("errcode" in thrown)) return undefined;
  return typeof thrown.errcode === "number" ? thrown.errcode : undefined;
}

/** The primary result code, where SQLite threw this. */
export function sqliteCodeOf(thrown: unknown): number | undefined {
  const code = extendedCodeOf(thrown);
  return code === undefined ? undefined : code & 0xff;
}

/** True when a place of the file cannot be read, or holds something else than was stored. */
export function isDamage(thrown: unknown): boolean {
  if (thrown instanceof Damage || READ_FAULTS.has(extendedCodeOf(thrown) ?? 0)) return true;
  const code = sqliteCodeOf(thrown);
  return code === SQLITE.CORRUPT || code === SQLITE.NOTADB;
}

/** True when the fault lies in one request, so that the others of its batch can still be written. */
export function isRequestFault(thrown: unknown): boolean {
  if (thrown instanceof Damage) return false;
  const code = sqliteCodeOf(thrown);
  if (code === undefined) return true;
  return (
    code === SQLITE.TOOBIG || code === SQLITE.CONSTRAINT || code === SQLITE.MISMATCH || code === SQLITE.RANGE
  );
}

export function isBusy(thrown: unknown): boolean {
  return sqliteCodeOf(thrown) === SQLITE.BUSY;
}

/** Why nothing can be written now, whatever it is; `undefined` where the fault concerns less than that. */
export function writeFaultOf(thrown: unknown): WriteFault | undefined {
  switch (sqliteCodeOf(thrown)) {
    case SQLITE.FULL:
      return "full";
    case SQLITE.BUSY:
      return "locked";
    case SQLITE.READONLY:
    case SQLITE.PERM:
    case SQLITE.CANTOPEN:
      return "read-only";
    case SQLITE.IOERR:
      return isDamage(thrown) ? undefined : "failing";
    default:
      return undefined;
  }
}

/** What a caller is told about an error that came up while a request was served. */
export function requestFailure(thrown: unknown): Failure {
  const text = textOf(thrown);
  if (thrown instanceof Refusal) return { code: thrown.code, message: text };
  if (isDamage(thrown))
    return { code: "STORE_UNAVAILABLE", message: `The database is damaged: ${text}`, cause: text };
  if (isRequestFault(thrown))
    return { code: "INTERNAL", message: `The store cannot hold this: ${text}`, cause: text };
  return { code: "STORE_UNAVAILABLE", message: `The store is unavailable: ${text}`, cause: text };
}

/** What the operator is told about a database that cannot be opened. */
export function openFailure(thrown: unknown, path: string): Failure {
  const text = textOf(thrown);
  if (thrown instanceof Refusal) return { code: thrown.code, message: text };
  if (isDamage(thrown)) {
    return {
      code: "STORE_UNAVAILABLE",
      message: `Database ${path} is damaged or not a SQLite database: ${text}. ${DAMAGE_ADVICE}`,
      cause: text,
    };
  }
  switch (sqliteCodeOf(thrown)) {
    case SQLITE.PERM:
    case SQLITE.READONLY:
    case SQLITE.CANTOPEN:
      return {
        code: "CONFIG_INVALID",
        message: `Database ${path} cannot be opened for writing: ${text}`,
        cause: text,
      };
    case SQLITE.BUSY:
      return {
        code: "STORE_UNAVAILABLE",
        message: `Database ${path} is locked by ${databaseHolder(path)}`,
        cause: text,
      };
    default:
      return {
        code: "STORE_UNAVAILABLE",
        message: `Database ${path} cannot be opened: ${text}`,
        cause: text,
      };
  }
}

/** Who has locked the database itself: the locks of a database with a write-ahead log are on its index. */
export function databaseHolder(path: string): string {
  return holderText(lockHolder(`${path}-shm`) ?? lockHolder(path));
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
