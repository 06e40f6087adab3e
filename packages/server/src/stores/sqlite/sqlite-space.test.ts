/** What the database takes of the disk, and gives back. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { append, bodiesOf, KEEP_ALL, NOW_MS, seededRandom, sweepAll } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import type { Store } from "../store.ts";
import { surplusPages } from "./free-space.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
const makePath = async () => join(await makeFolder(), "tachikoma.db");
const MIB = 1024 * 1024;

test.each([
  [100, 100, 0],
  [10_000, 2_000, 0],
  [10_000, 2_100, 100],
  [10_000, 9_000, 256],
  [2_000, 1_500, 256],
  [2_000, 1_100, 76],
])("of %i pages, %i of them free, gives back %i in one slice", (pageCount, freePageCount, surplus) => {
  expect(surplusPages(pageCount, freePageCount)).toBe(surplus);
});

/** Records that are gone after a second, in several channels. */
async function fill(store: Store, mebibytes: number): Promise<void> {
  const body = JSON.stringify("x".repeat(64 * 1024 - 2));
  const retention = { ...KEEP_ALL, maxAgeMs: 1000 };
  for (let count = 0; count < mebibytes * 16; count += 16) {
    await Promise.all(
      Array.from({ length: 16 }, (_, lane) =>
        append(store, [body], { key: { tenant: "acme", channel: `filler:${lane}` }, retention }),
      ),
    );
  }
}

test("a file shrinks again when its records are gone, in many small slices", async () => {
  const path = await makePath();
  const store = await openSqliteStore({ path, random: seededRandom(1) });
  await append(store, ['"stays"']);
  await fill(store, 24);
  // Nothing is given back while records are only replaced.
  await sweepAll(store, NOW_MS);
  const sliceCount = await sweepAll(store, NOW_MS + 5000);
  expect(sliceCount).toBeGreaterThan(20);
  expect(await bodiesOf(store)).toEqual(['"stays"']);
  await store.close();
  expect(statSync(path).size).toBeLessThan(6 * MIB);
  const look = new DatabaseSync(path, { readOnly: true });
  expect(look.prepare("PRAGMA auto_vacuum").get()).toEqual({ auto_vacuum: 2 });
  look.close();
});

test("the write-ahead log is cut when whoever kept it long has gone", async () => {
  const path = await makePath();
  const store = await openSqliteStore({ path, random: seededRandom(1) });
  await append(store, ['"first"']);
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec("BEGIN; SELECT count(*) FROM log");
  await fill(store, 20);
  const walBytes = () => statSync(`${path}-wal`).size;
  await sweepAll(store, NOW_MS);
  expect(walBytes()).toBeGreaterThan(16 * MIB);
  // The reader is not disturbed, and nobody waits for it.
  expect(reader.prepare("SELECT count(*) AS count FROM log").get()).toEqual({ count: 1 });
  reader.close();
  await sweepAll(store, NOW_MS);
  // The answer of a sweep comes before the files are looked after: this one comes behind that.
  await store.ping();
  expect(walBytes()).toBeLessThan(MIB);
  await store.close();
});
