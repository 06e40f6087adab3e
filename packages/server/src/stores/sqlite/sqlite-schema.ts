/**
 * The tables. `user_version` counts the migrations that a file has been through; `application_id` marks it as ours.
 *
 * A log is one row of `log` and many of `piece`: one piece for what one commit appended to one log (several, where that is
 * much). `log.expires_at_ms` is when its oldest piece will be past its age; NULL says that the log is empty. A deleted log
 * leaves its number in `dropped_log` until a sweep has removed its pieces.
 */
import type { DatabaseSync } from "node:sqlite";
import { VERSION_1 } from "./migrations/version-1.ts";
import { VERSION_2 } from "./migrations/version-2.ts";
import { Refusal } from "./refusal.ts";

/** "Tach" */
const APPLICATION_ID = 0x54616368;

/** Each step takes a file from the version of its index to the next. Steps that have been released never change. */
const MIGRATIONS: readonly string[] = [VERSION_1, VERSION_2];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** The schema version of a file of ours, 0 for an empty one. Throws for a file that this server must not touch. */
export function schemaVersionOf(db: DatabaseSync, path: string): number {
  const version = pragmaValue(db, "user_version");
  const isOurs = version === 0 ? isEmpty(db) : pragmaValue(db, "application_id") === APPLICATION_ID;
  if (!isOurs) {
    throw new Refusal("CONFIG_INVALID", `${path} is a SQLite database of another application`);
  }
  if (version > SCHEMA_VERSION) {
    throw new Refusal(
      "CONFIG_INVALID",
      `Database ${path} has schema version ${version} and this server knows ${SCHEMA_VERSION}: it was written by a newer server`,
    );
  }
  return version;
}

/**
 * Brings a file from the version that it has to that of this code, one transaction for each step: whatever happens in the
 * middle, the file has one of the versions and works with the server of that version.
 */
export function migrate(db: DatabaseSync, version: number, steps: readonly string[] = MIGRATIONS): void {
  for (const [index, step] of steps.entries()) {
    if (index < version) continue;
    db.exec(`
      BEGIN IMMEDIATE;
      ${step}
      PRAGMA application_id = ${APPLICATION_ID};
      PRAGMA user_version = ${index + 1};
      COMMIT;
    `);
  }
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function pragmaValue(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
