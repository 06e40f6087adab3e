/** Looks at a SQLite database without changing it, also while a server uses it. */
import { existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { checkDatabase, type DatabaseCheck } from "../stores/sqlite/database-check.ts";
import { lockDatabase } from "../stores/sqlite/database-lock.ts";
import { checkIsWritable, existingPath } from "../stores/sqlite/database-path.ts";
import { Refusal } from "../stores/sqlite/refusal.ts";
import { SCHEMA_VERSION } from "../stores/sqlite/sqlite-schema.ts";
import { type Finding, type Judgement, ok, problem, shownBytes, warning } from "./finding.ts";

const MIN_FREE_BYTES = 100 * 1024 * 1024;
const COMFORTABLE_FREE_BYTES = 1024 * 1024 * 1024;
const MAX_DAMAGE_FINDINGS = 5;
const DAMAGE_ADVICE = "restore a backup; docs/operating.md says how to go on without one";

export function* sqliteFindings(path: string): Generator<Finding> {
  yield { area: "database", check: "sqlite_disk", ...judgeDisk(path) };
  const file = judgeFile(path);
  yield { area: "database", check: "sqlite_file", ...file.judgement };
  if (!file.isThere) return;
  yield { area: "database", check: "sqlite_owner", ...judgeOwner(path) };
  yield* contentFindings(path);
}

/** Of the folder that will hold the file, or the nearest one above it that is there. */
function judgeDisk(path: string): Judgement {
  let folder = dirname(path);
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const text = `${shownBytes(freeBytes)} are free on the disk of ${path}`;
  const advice = "free some, or keep less: channels.NAME.history, sessions.ttl_secs";
  if (freeBytes < MIN_FREE_BYTES) return problem(`only ${text}`, advice);
  return freeBytes < COMFORTABLE_FREE_BYTES ? warning(`only ${text}`, advice) : ok(text);
}

function judgeFile(path: string): { readonly judgement: Judgement; readonly isThere: boolean } {
  try {
    if (!existsSync(path)) {
      if (existsSync(dirname(path))) checkIsWritable(path);
      return { judgement: ok(`${path} is not there yet and will be made`), isThere: false };
    }
    const truePath = existingPath(path);
    checkIsWritable(truePath);
    return { judgement: ok(`${path} can be written, ${shownBytes(statSync(path).size)}`), isThere: true };
  } catch (cause) {
    const advice = "give the user of the server the right to write there, or change database.url";
    return { judgement: problem(textOf(cause), advice), isThere: false };
  }
}

function judgeOwner(path: string): Judgement {
  // Asking for the lock makes its file: where there is none, nobody has it.
  if (existsSync(`${path}.lock`)) {
    try {
      lockDatabase(path, 0).close();
    } catch (cause) {
      return warning(textOf(cause), "fine while that is your server: a second one would be refused");
    }
  }
  return ok("no other process has it");
}

function* contentFindings(path: string): Generator<Finding> {
  try {
    const found = checkDatabase(path, { maxFindings: MAX_DAMAGE_FINDINGS });
    yield { area: "database", check: "sqlite_schema", ...judgeSchema(found.schemaVersion) };
    yield { area: "database", check: "sqlite_integrity", ...judgePages(found) };
    if (found.schemaVersion !== SCHEMA_VERSION) return;
    yield { area: "database", check: "sqlite_records", ...judgeRecords(found) };
    yield { area: "database", check: "sqlite_space", ...judgeSpace(found) };
  } catch (cause) {
    const advice =
      cause instanceof Refusal ? "set database.url to a file of this server's version" : DAMAGE_ADVICE;
    yield { area: "database", check: "sqlite_content", ...problem(textOf(cause), advice) };
  }
}

function judgeSchema(version: number): Judgement {
  if (version === SCHEMA_VERSION) return ok(`schema version ${version}`);
  if (version === 0) return ok("empty, its tables will be made");
  return ok(`schema version ${version}, the next start brings it to ${SCHEMA_VERSION}: make a backup before`);
}

function judgePages({ damage }: DatabaseCheck): Judgement {
  const reasons = damage.flatMap((one) => (one.kind === "structure" ? [one.reason] : []));
  if (reasons.length === 0) return ok("its pages are sound");
  return problem(`it is damaged: ${reasons.join("; ")}`, DAMAGE_ADVICE);
}

function judgeRecords({ damage, recordCount, logCount }: DatabaseCheck): Judgement {
  const reasons = damage.flatMap((one) =>
    one.kind === "records" ? [`channel ${one.key.channel}: ${one.reason}`] : [],
  );
  if (reasons.length > 0) return problem(reasons.join("; "), DAMAGE_ADVICE);
  return ok(`its records are as they were stored (${recordCount}, in channels: ${logCount})`);
}

function judgeSpace({ freeByteCount, byteCount, canShrink }: DatabaseCheck): Judgement {
  const text = `${shownBytes(freeByteCount)} of ${shownBytes(byteCount)} are unused`;
  if (canShrink) return ok(`${text}, most of it is given back while the server runs`);
  return warning(
    `${text}; the file was made by an older version and cannot shrink`,
    "stop the server and run `tachikoma compact` once",
  );
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
