import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { append, bodiesOf, seededRandom, sweepAll } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { compactDatabase } from "./database-compaction.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
let seed = 1;
const open = (path: string) => openSqliteStore({ path, random: seededRandom(seed++) });
const pragma = (path: string, name: string) => {
  const db = new DatabaseSync(path, { readOnly: true });
  const value = db.prepare(`PRAGMA ${name}`).get()?.[name];
  db.close();
  return value;
};

test("gives back what removed records have left, and keeps the others", async () => {
  const path = join(await makeFolder(), "tachikoma.db");
  const store = await open(path);
  const filler = { tenant: "acme", channel: "filler" };
  await append(store, ['"stays"']);
  await append(store, [`"${"x".repeat(3_000_000)}"`], { key: filler });
  await store.deleteLog(filler);
  await sweepAll(store, 0);
  await store.close();
  const bytesBefore = statSync(path).size;
  const result = await compactDatabase({ path });
  expect(result).toEqual({ path, bytesBefore, bytesAfter: statSync(path).size });
  expect(result.bytesAfter).toBeLessThan(200_000);
  const again = await open(path);
  expect(await bodiesOf(again)).toEqual(['"stays"']);
  await again.close();
});

test("makes a file of an older server able to shrink, and leaves its schema to the server", async () => {
  const path = join(await makeFolder(), "tachikoma.db");
  const db = new DatabaseSync(path);
  db.exec(readFileSync(new URL("./testing/version-1.sql", import.meta.url), "utf8"));
  db.close();
  expect(pragma(path, "auto_vacuum")).toBe(0);
  await compactDatabase({ path });
  expect(pragma(path, "auto_vacuum")).toBe(2);
  expect(pragma(path, "user_version")).toBe(1);
  const store = await open(path);
  expect(await bodiesOf(store)).toHaveLength(5);
  await store.close();
  expect(pragma(path, "auto_vacuum")).toBe(2);
});

test("is refused while a server has the database, and while somebody reads it", async () => {
  const path = join(await makeFolder(), "tachikoma.db");
  const store = await open(path);
  await append(store, ["1"]);
  await expect(compactDatabase({ path, lockTimeoutMs: 20 })).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringMatching(/is in use by .*\. Stop it first$/),
  });
  expect(await append(store, ["2"])).toMatchObject({ firstSeq: 2 });
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec("BEGIN; SELECT count(*) FROM log");
  await store.close();
  await expect(compactDatabase({ path, lockTimeoutMs: 20 })).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringContaining("is being read by"),
  });
  reader.close();
  await compactDatabase({ path });
});

test("of nothing is refused", async () => {
  const path = join(await makeFolder(), "none.db");
  await expect(compactDatabase({ path })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: `There is no database at ${path}`,
  });
});
