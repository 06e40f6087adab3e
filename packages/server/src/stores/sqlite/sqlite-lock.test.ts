/** Others who hold the database. That a server process keeps a second one out is in `sqlite-crash.test.ts`. */
import { once } from "node:events";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import {
  append,
  bodiesOf,
  CHAT,
  KEEP_ALL,
  message,
  NOW_MS,
  seededRandom,
} from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { BatchExecutor } from "./batch-executor.ts";
import { Quarantine } from "./quarantine.ts";
import { openDatabase } from "./sqlite-database.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { startScript } from "./testing/child-script.ts";

const makeFolder = tempFolders();

/** A shell that has begun a transaction and stays. */
const HOLDER = `
  import { DatabaseSync } from "node:sqlite";
  new DatabaseSync(process.argv[2]).exec("BEGIN IMMEDIATE");
  console.log("locked");
  process.stdin.resume();
`;

const named = (pid: number | undefined) =>
  expect.stringMatching(process.platform === "linux" ? new RegExp(`locked by process ${pid}$`) : /locked by/);

test("a database that a shell has locked is waited for, and its holder is named", async () => {
  const folder = await makeFolder();
  const path = join(folder, "tachikoma.db");
  const options = { path, random: seededRandom(1), lockTimeoutMs: 50 };
  const first = await openSqliteStore(options);
  await append(first, ["1"]);
  await first.close();

  const { child, lines } = await startScript(join(folder, "holder.mjs"), HOLDER, { args: [path] });
  const exited = once(child, "exit");
  expect(await once(lines, "line")).toEqual(["locked"]);
  await expect(openSqliteStore(options)).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: named(child.pid),
  });

  const patient = openSqliteStore({ ...options, lockTimeoutMs: 10_000 });
  child.stdin!.end();
  await exited;
  const store = await patient;
  expect(await bodiesOf(store)).toEqual(["1"]);
  await store.close();
});

test("a commit that a shell is in the way of fails, names it, and the next one goes through", async () => {
  const path = join(await makeFolder(), "tachikoma.db");
  const database = openDatabase({
    path,
    durability: "power-loss",
    lockTimeoutMs: 50,
    maxFileBytes: 2 ** 40,
    freshEpoch: "e",
    originTag: "0",
    nodesElsewhere: "none",
  });
  const executor = new BatchExecutor(database, "0", new Quarantine(() => undefined));
  database.db.exec("PRAGMA busy_timeout = 0");
  const request = { key: CHAT, records: [message("1")], nowMs: NOW_MS, retention: KEEP_ALL };
  const run = () => executor.runWrites([{ name: "append", args: [request, "tag", "epoch"] }]);

  const shell = new DatabaseSync(path);
  shell.exec("BEGIN IMMEDIATE");
  const { failures, fault } = run();
  expect(fault).toBe("locked");
  expect(failures.get(0)).toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringContaining("The database is locked by"),
  });
  shell.exec("ROLLBACK");
  shell.close();
  expect(run().values).toMatchObject([{ firstSeq: 1 }]);
  database.close();
});
