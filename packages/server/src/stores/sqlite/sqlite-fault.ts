import { Refusal } from "./refusal.ts";
import type { Failure } from "./sqlite-call.ts";

/** Primary result codes of SQLite. */
const SQLITE = {
  PERM: 3,
  BUSY: 5,
  READONLY: 8,
  CORRUPT: 11,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  RANGE: 25,
  NOTADB: 26,
};

/** The primary result code, where SQLite threw this. */
export function sqliteCodeOf(thrown: unknown): number | undefined {
  if (typeof thrown !== "object" || thrown === null || !("errcode" in thrown)) return undefined;
  return typeof thrown.errcode === "number" ? thrown.errcode & 0xff : undefined;
}

/** True when the fault lies in one request, so that the others of its batch can still be written. */
export function isRequestFault(thrown: unknown): boolean {
  const code = sqliteCodeOf(thrown);
  if (code === undefined) return true;
  return (
    code === SQLITE.TOOBIG || code === SQLITE.CONSTRAINT || code === SQLITE.MISMATCH || code === SQLITE.RANGE
  );
}

export function isBusy(thrown: unknown): boolean {
  return sqliteCodeOf(thrown) === SQLITE.BUSY;
}

/** What a caller is told about an error that came up while a request was served. */
export function requestFailure(thrown: unknown): Failure {
  const text = textOf(thrown);
  if (thrown instanceof Refusal) return { code: thrown.code, message: text };
  if (isRequestFault(thrown))
    return { code: "INTERNAL", message: `The store cannot hold this: ${text}`, cause: text };
  return { code: "STORE_UNAVAILABLE", message: `The store is unavailable: ${text}`, cause: text };
}

/** What the operator is told about a database that cannot be opened. */
export function openFailure(thrown: unknown, path: string): Failure {
  const text = textOf(thrown);
  if (thrown instanceof Refusal) return { code: thrown.code, message: text };
  switch (sqliteCodeOf(thrown)) {
    case SQLITE.NOTADB:
    case SQLITE.CORRUPT:
      return {
        code: "STORE_UNAVAILABLE",
        message: `Database ${path} is damaged or not a SQLite database: ${text}`,
        cause: text,
      };
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
        message: `Database ${path} is in use by another process`,
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

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
