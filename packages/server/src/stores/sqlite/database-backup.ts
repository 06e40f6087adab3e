/** A copy of a database, made while a server may be writing it. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { structureFindings } from "./database-integrity.ts";
import { existingPath } from "./database-path.ts";
import { Refusal } from "./refusal.ts";
import { loadSqlite } from "./sqlite-module.ts";
import { schemaVersionOf } from "./sqlite-schema.ts";

export interface BackupOptions {
  readonly path: string;
  /** The file to make. */
  readonly destination: string;
  /** Replaces a file that is there, once the copy is complete and sound. @default false */
  readonly isForced?: boolean;
  /** Called now and then. Throwing ends the backup, and nothing is left of it. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export interface BackupResult {
  /** The copy's true path. */
  readonly destination: string;
  readonly byteCount: number;
}

/** 1 MiB: a step blocks nobody, and tells of progress often enough. */
const PAGES_PER_STEP = 256;

/**
 * Copies the database as it is at this moment, checks the copy, and only then puts it in its place. Whoever writes to the
 * database meanwhile is not kept from it; the write-ahead log grows until the copy is complete.
 *
 * @throws CONFIG_INVALID where there is no database of ours, or the copy cannot lie where it should; STORE_UNAVAILABLE where
 *   the database is damaged
 */
export async function backupDatabase(options: BackupOptions): Promise<BackupResult> {
  const path = existingPath(options.path);
  const destination = destinationOf(path, options);
  const unfinished = `${destination}.unfinished`;
  remove(unfinished);
  try {
    // Made first, so that at no time more people can read the copy than the database.
    closeSync(openSync(unfinished, "wx", 0o600));
    chmodSync(unfinished, statSync(path).mode);
    await copy(path, unfinished, options);
    finish(unfinished);
    renameSync(unfinished, destination);
    sync(dirname(destination));
  } catch (error) {
    remove(unfinished);
    throw error;
  }
  return { destination, byteCount: statSync(destination).size };
}

function destinationOf(path: string, { destination, isForced = false }: BackupOptions): string {
  const target = resolve(destination);
  const folder = dirname(target);
  const refuse = (reason: string) => new Refusal("CONFIG_INVALID", `${target} ${reason}`);
  if (!existsSync(folder)) throw new Refusal("CONFIG_INVALID", `There is no folder ${folder}`);
  if (existsSync(target)) {
    if (statSync(target).isDirectory()) throw refuse("is a folder: name the file to make");
    if (existingPath(target) === path) throw refuse("is the database itself");
    if (!isForced) throw refuse("is there already");
  }
  const neededBytes = statSync(path).size;
  const { bavail, bsize } = statfsSync(folder);
  if (bavail * bsize < neededBytes)
    throw refuse(`needs ${neededBytes} bytes, and ${bavail * bsize} are free in ${folder}`);
  return target;
}

async function copy(path: string, unfinished: string, { onProgress }: BackupOptions): Promise<void> {
  const { DatabaseSync, backup } = loadSqlite();
  const source = new DatabaseSync(path, { readOnly: true });
  try {
    schemaVersionOf(source, path);
    const pageBytes = Number(source.prepare("PRAGMA page_size").get()?.["page_size"]);
    // Node has it from 22.16 on.
    if (backup === undefined) {
      source.prepare("VACUUM INTO ?").run(unfinished);
      return;
    }
    // Without a transaction of its own it would start over whenever a server writes, and never end beside a busy one.
    source.exec("BEGIN; SELECT count(*) FROM sqlite_schema");
    await backup(source, unfinished, {
      rate: PAGES_PER_STEP,
      progress: ({ totalPages, remainingPages }) =>
        onProgress?.((totalPages - remainingPages) * pageBytes, totalPages * pageBytes),
    });
  } finally {
    source.close();
  }
}

/** Makes the copy one file that needs no others beside it, and looks at each of its pages. */
function finish(unfinished: string): void {
  const { DatabaseSync } = loadSqlite();
  const copied = new DatabaseSync(unfinished);
  try {
    copied.exec("PRAGMA journal_mode = DELETE");
    const [finding] = structureFindings(copied, 1);
    if (finding !== undefined) {
      throw new Refusal(
        "STORE_UNAVAILABLE",
        `The copy is damaged, and so is the database that it was made of: ${finding}`,
      );
    }
  } finally {
    copied.close();
  }
  sync(unfinished);
}

function sync(target: string): void {
  const file = openSync(target, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** With what SQLite may have left beside it. */
function remove(file: string): void {
  for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(`${file}${suffix}`, { force: true });
}
