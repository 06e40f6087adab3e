/** Where a database lies, and whether it can be written there: said in full before SQLite says it in half a sentence. */
import { accessSync, constants, existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Refusal } from "./refusal.ts";

/** Makes the folders above the file. Returns the file's one true path: two names for it must meet at the same lock. */
export function preparePath(path: string): string {
  const folder = dirname(path);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const message = `The folder of database ${path} cannot be made: ${textOf(cause)}`;
    throw new Refusal("CONFIG_INVALID", message, { cause });
  }
  const truePath = existsSync(path) ? realpathSync(path) : join(realpathSync(folder), basename(path));
  checkIsFile(truePath);
  checkIsWritable(truePath);
  return truePath;
}

/** The true path of a database that must be there already. */
export function existingPath(path: string): string {
  if (!existsSync(path)) throw new Refusal("CONFIG_INVALID", `There is no database at ${path}`);
  const truePath = realpathSync(path);
  checkIsFile(truePath);
  return truePath;
}

function checkIsFile(path: string): void {
  if (!existsSync(path) || !statSync(path).isDirectory()) return;
  throw new Refusal("CONFIG_INVALID", `Database path ${path} is a folder, it must name a file`);
}

/** All that SQLite writes: the file, what it keeps beside it (perhaps left by another user), and new files in the folder. */
export function checkIsWritable(path: string): void {
  const files = [path, `${path}-wal`, `${path}-shm`, `${path}.lock`].filter((file) => existsSync(file));
  for (const file of files) requireAccess(path, file, "file", constants.R_OK | constants.W_OK);
  requireAccess(path, dirname(path), "folder", constants.W_OK | constants.X_OK);
}

function requireAccess(path: string, target: string, kind: "file" | "folder", mode: number): void {
  try {
    accessSync(target, mode);
  } catch (cause) {
    throw new Refusal(
      "CONFIG_INVALID",
      `Database ${path} cannot be opened for writing: ${kind} ${target} ${whyNot(cause)}`,
      { cause },
    );
  }
}

function whyNot(cause: unknown): string {
  switch (cause instanceof Error && "code" in cause ? cause.code : undefined) {
    case "EROFS":
      return "is on a file system that is mounted read-only";
    case "EACCES":
      return "may not be written by the user of this process (EACCES)";
    case "EPERM":
      return "is protected against changes (EPERM)";
    default:
      return `cannot be used: ${textOf(cause)}`;
  }
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
