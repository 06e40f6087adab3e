/** Files of earlier schemas, opened by this server. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { append, bodiesOf, NOW_MS, readAll, seededRandom, sweepAll } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
const SCHEMA_URL = new URL("./sqlite-schema.ts", import.meta.url).href;
const VERSION_1_DUMP = new URL("./testing/version-1.sql", import.meta.url);

/** A file as the server of schema version 1 left it. */
async function makeVersion1(): Promise<string> {
  const path = join(await makeFolder(), "tachikoma.db");
  const db = new DatabaseSync(path);
  db.exec(await readFile(VERSION_1_DUMP, "utf8"));
  db.exec("PRAGMA journal_mode = WAL");
  db.close();
  return path;
}

function look<Row>(path: string, sql: string): Row {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    return db.prepare(sql).get() as Row;
  } finally {
    db.close();
  }
}

const versionOf = (path: string) => look<{ user_version: number }>(path, "PRAGMA user_version").user_version;

describe("a file of schema version 1", () => {
  test("keeps every record, session, receipt, lease and key, and goes on in its epochs", async () => {
    const path = await makeVersion1();
    const lines: object[] = [];
    const ignore = () => undefined;
    const info = (fields: object) => lines.push(fields);
    const logger = { debug: ignore, info, warn: ignore, error: ignore };
    const store = await openSqliteStore({ path, random: seededRandom(1), logger });
    expect(lines).toEqual([{ path, upgradedFrom: 1 }]);
    expect(versionOf(path)).toBe(2);

    const chat = { tenant: "acme", channel: "chat:1" };
    expect(await readAll(store, chat)).toEqual([
      {
        type: "message",
        body: '{"text":"hé 日本 \\u0000"}',
        sender: "phone",
        seq: 1,
        tag: "g8jq9",
        timeMs: NOW_MS,
      },
      { type: "message", body: "2", exclude: ["s9"], seq: 2, tag: "g8jq9", timeMs: NOW_MS },
      ...["jaz8v", "2wjmo", "cf03r"].map((tag, index) => ({
        type: "chunk",
        body: `{"type":"text-delta","delta":"w${index + 1} "}`,
        executionId: "e1",
        seq: index + 3,
        tag,
        timeMs: NOW_MS + index + 1,
      })),
    ]);
    expect(await bodiesOf(store, { tenant: "other", channel: "chat:1" })).toEqual(['"another tenant"']);
    expect(await bodiesOf(store, { tenant: "acme", channel: "trimmed" })).toEqual(["3", "4"]);
    expect(await store.logState({ tenant: "acme", channel: "emptied" })).toEqual({
      base: { epoch: "qyh8ls", seq: 1, tag: "vqnzl" },
      head: { epoch: "qyh8ls", seq: 1, tag: "vqnzl" },
    });
    expect(await store.loadSession("acme", "s1")).toEqual({
      tenant: "acme",
      sessionId: "s1",
      subject: "ada",
      clientId: "phone",
      createdAtMs: NOW_MS,
      expiresAtMs: NOW_MS + 86_400_000,
      positions: { "chat:1": "000001.4.00004" },
      holder: 1,
      nodeId: "",
      revision: 0,
    });
    const receiptKey = { tenant: "acme", clientId: "phone", commandId: "c1" };
    const other = { status: "accepted", executionId: "e9", channel: "chat:9" } as const;
    expect(await store.claimReceipt(receiptKey, other, NOW_MS)).toEqual({
      status: "rejected",
      executionId: "e1",
      channel: "chat:1",
      errorCode: "EXECUTION_ENDED",
    });
    const lease = (await store.findLease("execution:e1"))!;
    expect(lease).toMatchObject({ owner: "node-a", token: 1, expiresAtMs: NOW_MS + 15_000 });
    expect((await store.acquireLease("new", "b", 1000, NOW_MS, "{}"))!.token).toBe(3);

    const again = await append(store, ["again"], { idempotencyKey: "k1" });
    expect(again).toMatchObject({ epoch: "5ri7da", firstSeq: 1, lastSeq: 2, isDuplicate: true });
    expect(await append(store, ["6"])).toMatchObject({ epoch: "5ri7da", firstSeq: 6 });
    await sweepAll(store, NOW_MS);
    expect(look(path, "SELECT count(*) AS count FROM piece WHERE log_id = 6")).toEqual({ count: 0 });
    await store.close();
  });

  test("is whole and still of version 1 when the process is killed in the middle of the upgrade", async () => {
    const path = await makeVersion1();
    const script = `${path}.upgrade.mjs`;
    await writeFile(script, KILLED_UPGRADE);
    const child = spawn(process.execPath, ["--conditions=source", "--no-warnings", script, path], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);

    expect(versionOf(path)).toBe(1);
    expect(look(path, "SELECT name FROM sqlite_schema WHERE name = 'half'")).toBeUndefined();
    const store = await openSqliteStore({ path, random: seededRandom(1) });
    expect(versionOf(path)).toBe(2);
    expect(await bodiesOf(store)).toHaveLength(5);
    await store.close();
  });
});

/** Takes the step to version 2, writes enough for SQLite to put some of it into the file, and dies before the commit. */
const KILLED_UPGRADE = `
  import { DatabaseSync } from "node:sqlite";
  import { migrate, schemaVersionOf } from ${JSON.stringify(SCHEMA_URL)};
  import { VERSION_2 } from ${JSON.stringify(new URL("./migrations/version-2.ts", import.meta.url).href)};
  const path = process.argv[2];
  const db = new DatabaseSync(path);
  db.function("die", () => process.kill(process.pid, "SIGKILL"));
  db.exec("PRAGMA cache_size = 4");
  const half = "CREATE TABLE half AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i, randomblob(500) FROM n;";
  migrate(db, schemaVersionOf(db, path), ["", VERSION_2 + half + "SELECT die();"]);
`;
