import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { append, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { checkDatabase } from "./database-check.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
const CHANNELS = Array.from({ length: 120 }, (_, index) => `chat:${index}`);

/** 120 channels with ten records each, open. */
async function makeDatabase() {
  const path = join(await makeFolder(), "tachikoma.db");
  const store = await openSqliteStore({ path, random: seededRandom(1) });
  const bodies = Array.from({ length: 10 }, (_, index) => JSON.stringify(`${index}`));
  await Promise.all(CHANNELS.map((channel) => append(store, bodies, { key: { tenant: "acme", channel } })));
  return { path, store };
}

test("a sound database has no damage, also while it is in use", async () => {
  const { path, store } = await makeDatabase();
  const progress: [number, number][] = [];
  const result = checkDatabase(path, { onProgress: (done, total) => progress.push([done, total]) });
  expect(result).toMatchObject({
    path,
    schemaVersion: 2,
    canShrink: true,
    logCount: 120,
    recordCount: 1200,
    damage: [],
  });
  expect(progress).toHaveLength(120);
  expect(progress.at(-1)).toEqual([3600, 3600]);
  await append(store, ["1"]);
  await store.close();
});

test("what is wrong is named with its channel, as far as the list goes", async () => {
  const { path, store } = await makeDatabase();
  await store.close();
  const db = new DatabaseSync(path);
  db.exec(`
    UPDATE piece SET bodies = replace(bodies, '"5"', '"6"') WHERE log_id = 7;
    DELETE FROM piece WHERE log_id = 8;
    UPDATE log SET head_seq = head_seq + 1 WHERE log_id = 9;
  `);
  db.close();
  const { damage, logCount } = checkDatabase(path);
  expect(logCount).toBe(120);
  expect(damage).toEqual([
    { kind: "records", key: keyOf(7), reason: "records 1 to 10 are not what was stored" },
    { kind: "records", key: keyOf(8), reason: "the log should end at record 10 and ends at 0" },
    { kind: "records", key: keyOf(9), reason: "the log should end at record 11 and ends at 10" },
  ]);
  expect(checkDatabase(path, { maxFindings: 2 }).damage).toHaveLength(2);
});

test("an index that has lost a row is damage of the structure", async () => {
  const { path, store } = await makeDatabase();
  await store.close();
  const db = new DatabaseSync(path);
  db.enableDefensive?.(false);
  db.exec(
    "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'log_by_expiry'; PRAGMA writable_schema = OFF",
  );
  db.close();
  expect(checkDatabase(path).damage).toEqual([
    { kind: "structure", reason: expect.stringMatching(/never used/) },
  ]);
});

const keyOf = (logId: number) => ({ tenant: "acme", channel: CHANNELS[logId - 1] });
