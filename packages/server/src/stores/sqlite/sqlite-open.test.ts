import { copyFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { append, bodiesOf, CHAT, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";

const makeFolder = tempFolders();
const LOCK_TIMEOUT_MS = 20;
let seed = 1;

const open = (path: string, options: Partial<SqliteStoreOptions> = {}) =>
  openSqliteStore({ path, random: seededRandom(seed++), lockTimeoutMs: LOCK_TIMEOUT_MS, ...options });

/** Expects that opening fails with this code, and a text that has the path and this part. */
async function expectRefusal(path: string, code: string, part: string): Promise<void> {
  const error = await open(path).then(
    async (store) => {
      await store.close();
      return undefined;
    },
    (reason) => reason,
  );
  expect(error).toMatchObject({ code });
  expect(error.message).toContain(path);
  expect(error.message).toContain(part);
}

describe("opening a database", () => {
  test("makes the folders above it", async () => {
    const path = join(await makeFolder(), "deep", "er", "tachikoma.db");
    const store = await open(path);
    await append(store, ["1"]);
    await store.close();
    expect((await stat(path)).size).toBeGreaterThan(0);
  });

  test("is refused while another store has it, also under another name, and works after that", async () => {
    const folder = await makeFolder();
    const path = join(folder, "tachikoma.db");
    const first = await open(path);
    await append(first, ["1"]);
    await symlink(path, join(folder, "link.db"));
    await expectRefusal(path, "STORE_UNAVAILABLE", `in use by this process (${process.pid})`);
    await expect(open(join(folder, "link.db"))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await append(first, ["2"]);
    await first.close();
    const second = await open(join(folder, "link.db"));
    expect(await bodiesOf(second)).toEqual(["1", "2"]);
    await second.close();
  });

  test("lets a shell or a backup look at it meanwhile", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    const store = await open(path);
    await append(store, ["1"]);
    const look = new DatabaseSync(path, { readOnly: true });
    expect(look.prepare("SELECT bodies FROM piece").get()).toEqual({ bodies: "1" });
    await append(store, ["2"]);
    look.close();
    await store.close();
  });

  test("fails for an empty path", async () => {
    await expect(open("")).rejects.toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("fails for a folder", async () => {
    const folder = await makeFolder();
    await expectRefusal(folder, "CONFIG_INVALID", "is a folder");
  });

  test("fails below a file", async () => {
    const file = join(await makeFolder(), "file");
    await writeFile(file, "");
    await expectRefusal(join(file, "tachikoma.db"), "CONFIG_INVALID", "cannot be made");
  });

  test("fails for a file that is no database, and leaves it as it was", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    await writeFile(path, "not a database ".repeat(1000));
    await expectRefusal(path, "STORE_UNAVAILABLE", "damaged or not a SQLite database");
    expect((await stat(path)).size).toBe(15_000);
  });

  test("fails for a database that is damaged", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    const store = await open(path);
    for (let index = 0; index < 100; index++) await append(store, [`"${"x".repeat(1000)}"`]);
    await store.close();
    const { size } = await stat(path);
    // The header stays, what the header promises does not.
    await writeFile(path, Buffer.alloc(size - 100, 0xa5), { flag: "r+" });
    await expectRefusal(path, "STORE_UNAVAILABLE", "damaged or not a SQLite database");
  });

  test("fails for a database of another application", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE bookmark (url TEXT)");
    other.close();
    await expectRefusal(path, "CONFIG_INVALID", "another application");
    const versioned = new DatabaseSync(path);
    versioned.exec("PRAGMA user_version = 1");
    versioned.close();
    await expectRefusal(path, "CONFIG_INVALID", "another application");
  });

  test("fails for a file of a newer server, and names both versions", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    await (await open(path)).close();
    const newer = new DatabaseSync(path);
    newer.exec("PRAGMA user_version = 7");
    newer.close();
    await expectRefusal(path, "CONFIG_INVALID", "has schema version 7 and this server knows 2");
  });

  test("after a refusal leaves the lock to others", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    await writeFile(path, "not a database ".repeat(1000));
    await expectRefusal(path, "STORE_UNAVAILABLE", "damaged");
    await writeFile(path, "");
    await (await open(path)).close();
  });
});

describe("durability", () => {
  const lossOfPower = async (durability: "power-loss" | "process-crash") => {
    const folder = await makeFolder();
    const path = join(folder, "tachikoma.db");
    const store = await open(path, { durability });
    const { epoch } = await append(store, ["1", "2"]);
    // What a copy finds now is what the disk has if the process never gets any further.
    const copyPath = join(folder, "copy.db");
    await copyFile(path, copyPath);
    await copyFile(`${path}-wal`, `${copyPath}-wal`);
    await store.close();
    const copy = new DatabaseSync(copyPath);
    copy.exec("UPDATE last_run SET boot_id = 'another start of the machine'");
    copy.close();
    return { copyPath, epoch };
  };
  const epochAndWarnings = async (path: string, options: Partial<SqliteStoreOptions> = {}) => {
    const warnings: string[] = [];
    const ignore = () => undefined;
    const warn = (_fields: object, text: string) => warnings.push(text);
    const store = await open(path, {
      ...options,
      logger: { debug: ignore, info: ignore, warn, error: ignore },
    });
    expect(await bodiesOf(store)).toEqual(["1", "2"]);
    const { head } = (await store.logState(CHAT))!;
    await store.close();
    return { epoch: head.epoch, warnings };
  };

  test("process-crash: after a power loss every log has a new epoch, once", async () => {
    const { copyPath, epoch } = await lossOfPower("process-crash");
    const first = await epochAndWarnings(copyPath, { durability: "process-crash" });
    expect(first.epoch).not.toBe(epoch);
    expect(first.warnings).toEqual([expect.stringContaining("new epoch")]);
    expect(await epochAndWarnings(copyPath)).toEqual({ epoch: first.epoch, warnings: [] });
  });

  test("power-loss: after a power loss every log goes on", async () => {
    const { copyPath, epoch } = await lossOfPower("power-loss");
    expect(await epochAndWarnings(copyPath)).toEqual({ epoch, warnings: [] });
  });
});
