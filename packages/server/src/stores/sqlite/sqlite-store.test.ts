import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import {
  append,
  bodiesOf,
  CHAT,
  KEEP_ALL,
  NOW_MS,
  readAll,
  seededRandom,
  sweepAll,
} from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { storeContract } from "../contract.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";

const makeFolder = tempFolders();
let seed = 1;

const open = (path: string, options: Partial<SqliteStoreOptions> = {}) =>
  openSqliteStore({ path, random: seededRandom(seed++), ...options });
const makePath = async () => join(await makeFolder(), "tachikoma.db");

storeContract(
  "sqlite",
  async () => {
    const store = await open(await makePath());
    return { store, dispose: () => store.close() };
  },
  // Appends that are called together share a row, and a row is trimmed as a whole.
  { slackRecords: 20 },
);

describe("sqlite store, opened again", () => {
  test("keeps everything and goes on in the same epoch", async () => {
    const path = await makePath();
    const first = await open(path);
    const appended = await append(first, ["1", "2"], { idempotencyKey: "k" });
    const trimmedKey = { tenant: "acme", channel: "trimmed" };
    for (let index = 0; index < 5; index++) {
      await append(first, ["1"], { key: trimmedKey, retention: { ...KEEP_ALL, maxRecords: 2 } });
    }
    const trimmed = await first.logState(trimmedKey);
    const session = {
      tenant: "acme",
      sessionId: "s1",
      subject: "a",
      clientId: "c",
      createdAtMs: 1,
      expiresAtMs: 2,
      holder: 3,
      nodeId: "node-a",
      revision: 4,
    };
    await first.saveSession({ ...session, positions: { "chat:1": "e.2.t" } });
    const lease = (await first.acquireLease("execution:1", "node-a", 1000, NOW_MS, "{}"))!;
    const receipt = { status: "applied", executionId: "e1", channel: "chat:1" } as const;
    const receiptKey = { tenant: "acme", clientId: "c", commandId: "1" };
    await first.claimReceipt(receiptKey, receipt, NOW_MS);
    await first.close();

    const second = await open(path);
    expect(await second.logState(trimmedKey)).toEqual(trimmed);
    expect(await second.loadSession("acme", "s1")).toEqual({ ...session, positions: { "chat:1": "e.2.t" } });
    expect(await second.claimReceipt(receiptKey, { ...receipt, status: "accepted" }, NOW_MS)).toEqual(
      receipt,
    );
    expect(await append(second, ["1", "2"], { idempotencyKey: "k" })).toEqual({
      ...appended,
      isDuplicate: true,
    });
    const fence = { lease: "execution:1", token: lease.token };
    expect(await append(second, ["3"], { fence })).toMatchObject({ epoch: appended.epoch, firstSeq: 3 });
    expect(await bodiesOf(second)).toEqual(["1", "2", "3"]);
    const next = (await second.acquireLease("execution:2", "node-b", 1000, NOW_MS, "{}"))!;
    expect(next.token).toBeGreaterThan(lease.token);
    await second.close();
  });

  test("forgets nothing of what a sweep and a deletion have removed", async () => {
    const path = await makePath();
    const first = await open(path);
    const { epoch } = await append(first, ["1"], { retention: { ...KEEP_ALL, maxAgeMs: 1000 } });
    await sweepAll(first, NOW_MS + 5000);
    const emptied = await first.logState(CHAT);
    await append(first, ["1"], { key: { tenant: "acme", channel: "gone" } });
    await first.deleteLog({ tenant: "acme", channel: "gone" });
    await first.close();

    const second = await open(path);
    expect(await second.logState(CHAT)).toEqual(emptied);
    expect(await append(second, ["2"])).toMatchObject({ epoch, firstSeq: 2 });
    expect(await second.logState({ tenant: "acme", channel: "gone" })).toBeUndefined();
    await second.close();
  });
});

describe("sqlite store, closing", () => {
  test("answers what was called before and refuses what comes after", async () => {
    const path = await makePath();
    const store = await open(path);
    const appends = Array.from({ length: 100 }, (_, index) => append(store, [`${index}`]));
    const closed = store.close();
    await expect(append(store, ["late"])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await closed;
    expect((await Promise.all(appends)).map(({ lastSeq }) => lastSeq)).toEqual(
      appends.map((_, index) => index + 1),
    );
    await store.close();
    await expect(store.logState(CHAT)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("is closed"),
    });
    const again = await open(path);
    expect(await bodiesOf(again)).toHaveLength(100);
    await again.close();
  });
});

describe("sqlite store, in trouble", () => {
  test("refuses when the database is full, and works again when there is room", async () => {
    const store = await open(await makePath(), { maxFileBytes: 400 * 1024 });
    const body = `"${"x".repeat(20_000)}"`;
    const filler = { tenant: "acme", channel: "filler" };
    await append(store, ['"before"']);
    let stored = 0;
    const fill = async () => {
      for (;;) {
        await append(store, [body], { key: filler });
        stored += 1;
      }
    };
    await expect(fill()).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("full"),
      cause: expect.any(Error),
    });
    expect(stored).toBeGreaterThan(3);

    // All of a batch fails together, and leaves no trace.
    const outcomes = await Promise.allSettled([
      append(store, ['"x"']),
      append(store, [body], { key: filler }),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await readAll(store, filler)).toHaveLength(stored);
    expect(await bodiesOf(store)).toEqual(['"before"']);

    await store.deleteLog(filler);
    await sweepAll(store, NOW_MS);
    expect(await append(store, [body, '"after"'])).toMatchObject({ firstSeq: 2, lastSeq: 3 });
    expect(await bodiesOf(store)).toEqual(['"before"', body, '"after"']);
    await store.close();
  });

  test("fails a call that cannot be stored, and none of those that were called with it", async () => {
    const store = await open(await makePath());
    const fraction = { ...KEEP_ALL, maxAgeMs: Number.NaN };
    const outcomes = await Promise.allSettled([
      append(store, ["1"]),
      append(store, ["bad"], { key: { tenant: "acme", channel: "bad" }, retention: fraction }),
      append(store, ["2"]),
      store.acquireLease("execution:1", "node-a", 1000, 0.5, "{}"),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: "INTERNAL" } });
    expect(await bodiesOf(store)).toEqual(["1", "2"]);
    await store.close();
  });

  test("refuses calls beyond its queue, and takes more when the queue is shorter", async () => {
    const store = await open(await makePath(), { maxQueuedCalls: 10 });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 15 }, (_, index) => append(store, [`${index}`])),
    );
    const refused = outcomes.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({
      reason: { code: "STORE_UNAVAILABLE", message: "10 calls wait for the store, the limit is 10" },
    });
    expect(await append(store, ["more"])).toMatchObject({ firstSeq: 11 });
    await store.close();
  });

  test("rejects all that waits when its thread dies, and says so in the log", async () => {
    const workers: Worker[] = [];
    const collect = (worker: Worker) => workers.push(worker);
    process.on("worker", collect);
    const lines: string[] = [];
    const ignore = () => undefined;
    const error = (_fields: object, text: string) => lines.push(text);
    const store = await open(await makePath(), {
      logger: { debug: ignore, info: ignore, warn: ignore, error },
    });
    process.off("worker", collect);

    const waiting = Promise.allSettled([append(store, ["1"]), store.logState(CHAT), append(store, ["2"])]);
    await workers[0]!.terminate();
    for (const outcome of await waiting) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "STORE_UNAVAILABLE" } });
    }
    await expect(append(store, ["3"])).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("has died"),
    });
    expect(lines).toEqual([
      "The SQLite thread has died. Every call to the store is refused until the server is restarted",
    ]);
  });
});

describe("sqlite store, rows", () => {
  test("one commit of many appends to a log is few rows, and trimming drops whole rows", async () => {
    const path = await makePath();
    const store = await open(path);
    await Promise.all(Array.from({ length: 600 }, (_, index) => append(store, [`${index}`])));
    const look = new DatabaseSync(path, { readOnly: true });
    const rows = look.prepare("SELECT first_seq, last_seq FROM piece ORDER BY last_seq").all();
    look.close();
    expect(rows.length).toBeLessThanOrEqual(5);
    const firstRow = rows[0]!;
    const retention = { ...KEEP_ALL, maxRecords: 600 - Number(firstRow["last_seq"]) + 1 };
    await append(store, ["600"], { retention });
    expect((await store.logState(CHAT))!.base.seq).toBe(firstRow["last_seq"]);
    await store.close();
  });

  test("nothing is left in any table when everything has been deleted and swept", async () => {
    const path = await makePath();
    const store = await open(path);
    const keys = Array.from({ length: 150 }, (_, index) => ({ tenant: "acme", channel: `chat:${index}` }));
    await Promise.all(keys.map((key) => append(store, ["1"], { key, idempotencyKey: "k" })));
    await Promise.all(keys.map((key) => store.deleteLog(key)));
    await sweepAll(store, NOW_MS);
    await store.close();
    const look = new DatabaseSync(path);
    for (const table of ["log", "piece", "idempotency", "dropped_log"]) {
      expect({ table, ...look.prepare(`SELECT count(*) AS count FROM ${table}`).get() }).toEqual({
        table,
        count: 0,
      });
    }
    look.close();
  });
});
