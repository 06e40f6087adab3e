/** A database whose pages are damaged on the disk: before it is opened, and while it is in use. */
import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { append, CHAT, KEEP_ALL, NOW_MS, readAll, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import type { LogKey, Store } from "../store.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
const PAGE_BYTES = 4096;
const RECORD_COUNT = 300;
const keyOf = (channel: string): LogKey => ({ tenant: "acme", channel });
/** Filled one after the other, so that their records lie on pages of their own. */
const CHANNELS = ["chat:a", "chat:b", "chat:c"];

interface Line {
  readonly place?: string;
  readonly reason?: string;
  readonly text: string;
}

async function open(path: string): Promise<{ store: Store; errors: Line[] }> {
  const errors: Line[] = [];
  const ignore = () => undefined;
  const error = (fields: object, text: string) => errors.push({ ...fields, text });
  const logger = { debug: ignore, info: ignore, warn: ignore, error };
  const store = await openSqliteStore({ path, random: seededRandom(1), logger });
  return { store, errors };
}

const templateFolder = mkdtempSync(join(tmpdir(), "tachikoma-damage-"));
const template = join(templateFolder, "tachikoma.db");
beforeAll(() => makeTemplate(template));
afterAll(() => rmSync(templateFolder, { recursive: true }));

async function makeDatabase(): Promise<string> {
  const path = join(await makeFolder(), "tachikoma.db");
  copyFileSync(template, path);
  return path;
}

/** A file of 8 MB, far more than SQLite keeps in memory. Each record says which it is. */
async function makeTemplate(path: string): Promise<void> {
  const { store } = await open(path);
  for (const channel of CHANNELS) {
    for (let first = 0; first < RECORD_COUNT; first += 20) {
      const bodies = Array.from({ length: 20 }, (_, index) => bodyOf(channel, first + index + 1));
      await append(store, bodies, { key: keyOf(channel), idempotencyKey: `${first}` });
    }
  }
  await store.close();
  // Pages that were split keep copies of rows that are elsewhere by now: written anew, each row is in one place.
  const db = new DatabaseSync(path);
  db.exec("VACUUM");
  db.close();
}

function bodyOf(channel: string, seq: number): string {
  return JSON.stringify(`${channel} ${seq} ${"x".repeat(9_000)}`);
}

/** Pages of a table, as SQLite sees them. */
function pagesOf(path: string, name: string, pageType: "leaf" | "internal" | "overflow"): number[] {
  const db = new DatabaseSync(path);
  const rows = db
    .prepare("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = ? ORDER BY pageno")
    .all(name, pageType);
  db.close();
  return rows.map((row) => Number(row["pageno"]));
}

/** The page that holds a text. A row starts on the page that SQLite needs to remove it, and goes on on others. */
function pageWith(path: string, text: string): number {
  const { size } = statSync(path);
  const bytes = Buffer.alloc(size);
  const file = openSync(path, "r");
  readSync(file, bytes, 0, size, 0);
  closeSync(file);
  const at = bytes.indexOf(text);
  if (at === -1) throw new Error(`${path} does not hold ${text}`);
  return Math.floor(at / PAGE_BYTES) + 1;
}

function overwrite(path: string, page: number, bytes: Buffer, offset = 0): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, (page - 1) * PAGE_BYTES + offset);
  closeSync(file);
}

const JUNK = Buffer.alloc(PAGE_BYTES, 0xa5);

/** Writes so much that SQLite holds nothing in memory of what it has read before. */
async function evict(store: Store): Promise<void> {
  const body = JSON.stringify("y".repeat(100_000));
  for (let count = 0; count < 30; count++) await append(store, [body], { key: keyOf("filler") });
}

/** All records of a channel that can be had from the start on, each proven to be the one that was stored, and how it ended. */
async function readProven(store: Store, channel: string) {
  let count = 0;
  for (;;) {
    const page = await store
      .read({ key: keyOf(channel), afterSeq: count, maxRecords: 10, maxBytes: 1_000_000 })
      .catch((error: { code: string }) => error.code);
    if (typeof page === "string" || page === undefined) return { count, end: page };
    if (page.records.length === 0) return { count, end: "head" };
    for (const { seq, body } of page.records) {
      expect({ seq, body }).toEqual({ seq: count + 1, body: bodyOf(channel, count + 1) });
      count += 1;
    }
  }
}

describe("damage that is there when the database is opened", () => {
  test.each(["leaf", "internal"] as const)(
    "on a page of kind %s is found, and says what to do",
    async (kind) => {
      const path = await makeDatabase();
      overwrite(path, pagesOf(path, "piece", kind)[0]!, JUNK);
      const before = statSync(path);
      await expect(open(path)).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
        message: expect.stringMatching(/tachikoma\.db is damaged.* Restore a backup/),
      });
      expect(statSync(path).mtimeMs).toBe(before.mtimeMs);
    },
  );
});

describe("damage that comes while the database is in use", () => {
  test("fails what touches it and nothing else, says so once, and crashes nothing", async () => {
    const path = await makeDatabase();
    const { store, errors } = await open(path);
    await evict(store);
    overwrite(path, pageWith(path, "chat:b 149 "), JUNK);

    expect(await readProven(store, "chat:a")).toEqual({ count: RECORD_COUNT, end: "head" });
    expect(await readProven(store, "chat:c")).toEqual({ count: RECORD_COUNT, end: "head" });
    const cut = await readProven(store, "chat:b");
    expect(cut.end).toBe("STORE_UNAVAILABLE");
    expect(cut.count).toBeLessThan(150);
    await expect(
      store.read({ key: keyOf("chat:b"), afterSeq: 290, maxRecords: 100, maxBytes: 1e6 }),
    ).resolves.toMatchObject({ records: Array(10).fill(expect.anything()) });
    await readProven(store, "chat:b");
    expect(errors).toEqual([
      expect.objectContaining({
        place: 'channel "chat:b" of tenant "acme"',
        text: expect.stringContaining("restore a backup"),
      }),
    ]);
    await store.close();
  });

  test("in the way of trimming closes that channel, and the others are trimmed and appended to", async () => {
    const path = await makeDatabase();
    const { store } = await open(path);
    await evict(store);
    overwrite(path, pageWith(path, "chat:b 149 "), JUNK);

    const retention = { ...KEEP_ALL, maxRecords: 10 };
    const appendAll = () =>
      Promise.allSettled(CHANNELS.map((channel) => append(store, ["1"], { key: keyOf(channel), retention })));
    for (let round = 0; round < 20; round++) {
      const outcomes = await appendAll();
      expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      expect(outcomes[1]).toMatchObject({
        reason: { code: "STORE_UNAVAILABLE", message: expect.stringContaining("damaged") },
      });
    }
    for (const channel of ["chat:a", "chat:c"]) {
      const { base, head } = (await store.logState(keyOf(channel)))!;
      expect(head.seq).toBe(RECORD_COUNT + 20);
      expect(head.seq - base.seq).toBeLessThan(60);
    }
    expect((await store.logState(keyOf("chat:b")))!.head.seq).toBe(RECORD_COUNT);
    await store.close();
  });

  test("in the way of a sweep is stepped over", async () => {
    const path = await makeDatabase();
    const { store } = await open(path);
    await evict(store);
    overwrite(path, pageWith(path, "chat:a 149 "), JUNK);
    await store.deleteLog(keyOf("chat:c"));
    const request = { nowMs: NOW_MS + 2e12, idleLogMs: 1e13, idempotencyMs: 1e13 };
    let sliceCount = 0;
    while ((await store.sweep(request)).hasMore) expect(++sliceCount).toBeLessThan(1000);
    const { base, head } = (await store.logState(keyOf("chat:b")))!;
    expect(base).toEqual(head);
    // What comes before the damage may go; what comes after it stays.
    expect((await store.logState(keyOf("chat:a")))!.base.seq).toBeLessThan(149);
    await store.close();
    const db = new DatabaseSync(path, { readOnly: true });
    expect(db.prepare("SELECT count(*) AS count FROM dropped_log").get()).toEqual({ count: 0 });
    db.close();
  });

  test("in a table of all fails the calls that need it, and no others of their batch", async () => {
    const path = await makeDatabase();
    const first = await open(path);
    const session = { ...SESSION, positions: { "chat:a": "x".repeat(2000) } };
    const saves = Array.from({ length: 200 }, (_, index) =>
      first.store.saveSession({ ...session, sessionId: `s${String(index).padStart(3, "0")}` }),
    );
    await Promise.all(saves);
    await first.store.close();
    const { store, errors } = await open(path);
    const page = pagesOf(path, "session", "leaf")[0]!;
    await evict(store);
    overwrite(path, page, JUNK);

    const calls = Array.from({ length: 200 }, (_, index) =>
      store.saveSession({ ...session, sessionId: `s${String(index).padStart(3, "0")}`, revision: 2 }),
    );
    const [appended, outcomes] = await Promise.all([
      append(store, ["1"], { key: keyOf("chat:a") }),
      Promise.allSettled(calls),
    ]);
    expect(appended.firstSeq).toBe(RECORD_COUNT + 1);
    const failures = outcomes.filter(({ status }) => status === "rejected");
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(50);
    for (const failure of failures) expect(failure).toMatchObject({ reason: { code: "STORE_UNAVAILABLE" } });
    expect(errors).toHaveLength(1);
    await store.close();
  });
});

const SESSION = {
  tenant: "acme",
  subject: "ada",
  clientId: "phone",
  createdAtMs: NOW_MS,
  expiresAtMs: NOW_MS + 1e9,
  holder: 1,
  nodeId: "",
  revision: 1,
};

describe("damage that SQLite cannot see", () => {
  test("in the text of a record is found by its checksum", async () => {
    const path = await makeDatabase();
    const page = pageWith(path, "chat:b 150 ");
    const { store } = await open(path);
    await evict(store);
    const file = openSync(path, "r");
    const bytes = Buffer.alloc(PAGE_BYTES);
    readSync(file, bytes, 0, PAGE_BYTES, (page - 1) * PAGE_BYTES);
    closeSync(file);
    overwrite(path, page, Buffer.from("chat:b 151 "), bytes.indexOf("chat:b 150 "));
    const cut = await readProven(store, "chat:b");
    expect(cut.end).toBe("STORE_UNAVAILABLE");
    expect(cut.count).toBeLessThan(150);
    await store.close();
  });

  test.each([
    [
      "a row is gone",
      "DELETE FROM piece WHERE log_id = 2 AND last_seq = (SELECT min(last_seq) FROM piece WHERE log_id = 2 AND last_seq > 100)",
    ],
    [
      "a row lies where another belongs",
      "UPDATE piece SET log_id = 2, last_seq = last_seq + 1000 WHERE log_id = 3 AND last_seq > 250",
    ],
    [
      "a row of an older server cannot be taken apart",
      "UPDATE piece SET checksum = NULL, bodies = substr(bodies, 2) WHERE log_id = 2",
    ],
    [
      "a row of an older server says it holds more",
      "UPDATE piece SET checksum = NULL, head = replace(head, '[[', '[[[') WHERE log_id = 2",
    ],
  ])("is found when %s", async (_, sql) => {
    const path = await makeDatabase();
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    const { store } = await open(path);
    expect((await readProven(store, "chat:b")).end).toBe("STORE_UNAVAILABLE");
    expect(await readProven(store, "chat:a")).toEqual({ count: RECORD_COUNT, end: "head" });
    await store.close();
  });

  test.each([
    ["number", "head_seq = head_seq - 1"],
    ["tag", "head_tag = 'other'"],
  ])("in the %s of a head lets nobody append after it", async (_, change) => {
    const path = await makeDatabase();
    const db = new DatabaseSync(path);
    db.exec(`UPDATE log SET ${change} WHERE log_id = 2`);
    db.close();
    const { store } = await open(path);
    await expect(append(store, ["1"], { key: keyOf("chat:b") })).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await expect(store.logState(keyOf("chat:b"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await append(store, ["1"], { key: keyOf("chat:a") });
    await store.close();
  });

  test("text of any kind has the same checksum when it is read", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    const { store } = await open(path);
    const bodies = ['"\u0000"', '"é日本😀"', '"\ud800"', '""', `"${"x".repeat(100_000)}"`];
    for (const body of bodies) await append(store, [body]);
    await store.close();
    const again = await open(path);
    const read = await readAll(again.store, CHAT);
    expect(read.map(({ body }) => body)).toEqual(bodies.map((body) => body.toWellFormed()));
    await again.store.close();
  });
});
