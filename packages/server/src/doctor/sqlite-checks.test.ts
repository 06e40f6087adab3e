import { closeSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { systemRandom } from "../platform/system-random.ts";
import { openSqliteStore } from "../stores/sqlite/sqlite-store.ts";
import type { Store } from "../stores/store.ts";
import { sqliteFindings } from "./sqlite-checks.ts";

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

async function databasePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "tachikoma-doctor-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "t.db");
}

async function storeAt(path: string): Promise<Store> {
  const store = await openSqliteStore({ path, random: systemRandom, logger: silentLogger });
  await store.append({
    key: { tenant: "default", channel: "chat:1" },
    records: [{ type: "message", body: JSON.stringify("x".repeat(50_000)) }],
    nowMs: 1,
    retention: { maxRecords: 10, maxBytes: 1e6, maxAgeMs: 1e9 },
  });
  return store;
}

function said(path: string): Record<string, string> {
  return Object.fromEntries(
    [...sqliteFindings(path)].map(({ check, level, text }) => [check, `${level}: ${text}`]),
  );
}

test("a database that is not there yet will be made, in a folder that will be made too", async () => {
  const path = join(await databasePath(), "deeper", "t.db");
  const findings = said(path);
  expect(findings).toMatchObject({ sqlite_file: `ok: ${path} is not there yet and will be made` });
  expect(findings["sqlite_disk"]).toMatch(/^\w+: .*are free on the disk/);
  expect(Object.keys(findings)).toEqual(["sqlite_disk", "sqlite_file"]);
});

test("one that nobody uses is fine, and is left as it was", async () => {
  const path = await databasePath();
  await (await storeAt(path)).close();
  const before = statSync(path);
  expect(said(path)).toMatchObject({
    sqlite_file: expect.stringMatching(/^ok: .* can be written, [\d.]+ KiB$/) as string,
    sqlite_owner: "ok: no other process has it",
    sqlite_schema: expect.stringMatching(/^ok: schema version \d+$/) as string,
    sqlite_integrity: "ok: its pages are sound",
    sqlite_records: "ok: its records are as they were stored (1, in channels: 1)",
    sqlite_space: expect.stringMatching(/^ok: .* are unused, most of it is given back/) as string,
  });
  expect(statSync(path)).toMatchObject({ mtimeMs: before.mtimeMs, size: before.size });
});

test("one that a server uses is looked at beside it, and its owner is named", async () => {
  const path = await databasePath();
  const store = await storeAt(path);
  const findings = said(path);
  expect(findings).toMatchObject({
    sqlite_owner: expect.stringMatching(
      /^warning: Database .* is in use by .*: a database has one owner/,
    ) as string,
    sqlite_integrity: "ok: its pages are sound",
  });
  if (process.platform === "linux") expect(findings["sqlite_owner"]).toContain(String(process.pid));
  // It goes on undisturbed.
  expect(await store.logState({ tenant: "default", channel: "chat:1" })).toMatchObject({ head: { seq: 1 } });
  await store.close();
});

test("damage, another application's file, one of a newer server and no file at all are told apart", async () => {
  const damaged = await databasePath();
  await (await storeAt(damaged)).close();
  const file = openSync(damaged, "r+");
  writeSync(file, Buffer.alloc(statSync(damaged).size - 8_192, 0xa5), 0, undefined, 8_192);
  closeSync(file);
  expect(Object.values(said(damaged)).join("\n")).toMatch(
    /^problem: (it is damaged|database disk image is malformed)/m,
  );

  const changed = await databasePath();
  await (await storeAt(changed)).close();
  const changing = new DatabaseSync(changed);
  changing.exec("UPDATE piece SET bodies = replace(bodies, 'xxxx', 'yyyy')");
  changing.close();
  expect(said(changed)["sqlite_records"]).toBe(
    "problem: channel chat:1: records 1 to 1 are not what was stored",
  );

  const foreign = await databasePath();
  const db = new DatabaseSync(foreign);
  db.exec("CREATE TABLE t (a); PRAGMA user_version = 1");
  db.close();
  expect(said(foreign)["sqlite_content"]).toMatch(
    /^problem: .* is a SQLite database of another application$/,
  );

  const newer = await databasePath();
  await (await storeAt(newer)).close();
  const raised = new DatabaseSync(newer);
  raised.exec("PRAGMA user_version = 99");
  raised.close();
  expect(said(newer)["sqlite_content"]).toMatch(/^problem: .*schema version 99.*newer server$/);

  const text = await databasePath();
  writeFileSync(text, "not a database at all, but long enough to be looked at as one".repeat(20));
  expect(said(text)["sqlite_content"]).toMatch(/^problem: file is not a database/);

  const folder = join(await databasePath(), "..");
  expect(said(folder)["sqlite_file"]).toMatch(/^problem: .*is a folder/);
});
