import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { append, bodiesOf, readAll, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import type { Store } from "../store.ts";
import { backupDatabase } from "./database-backup.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
let seed = 1;
const open = (path: string) => openSqliteStore({ path, random: seededRandom(seed++) });

async function makeDatabase(recordCount: number): Promise<{ folder: string; path: string; store: Store }> {
  const folder = await makeFolder();
  const path = join(folder, "tachikoma.db");
  const store = await open(path);
  const bodies = Array.from({ length: recordCount }, (_, index) =>
    JSON.stringify(`${index} ${"x".repeat(2000)}`),
  );
  if (recordCount > 0) await append(store, bodies);
  return { folder, path, store };
}

describe("a backup", () => {
  test("made while a server writes is the log as it was, in one file that a server can go on from", async () => {
    const { folder, path, store } = await makeDatabase(2000);
    const destination = join(folder, "copy.db");
    const before = (await store.logState({ tenant: "acme", channel: "chat:1" }))!.head.seq;
    let isCopying = true;
    let written = before;
    const writing = (async () => {
      while (isCopying) written = (await append(store, ['"meanwhile"'])).lastSeq;
    })();
    const progress: [number, number][] = [];
    const result = await backupDatabase({
      path,
      destination,
      onProgress: (doneBytes, totalBytes) => progress.push([doneBytes, totalBytes]),
    });
    isCopying = false;
    await writing;
    expect(written).toBeGreaterThan(before);

    expect(result).toEqual({ destination, byteCount: statSync(destination).size });
    expect(progress.length).toBeGreaterThan(1);
    expect(progress.map(([done]) => done)).toEqual([...progress.map(([done]) => done)].sort((a, b) => a - b));
    expect(new Set(progress.map(([, total]) => total)).size).toBe(1);
    expect(readdirSync(folder).filter((name) => name.startsWith("copy"))).toEqual(["copy.db"]);

    const original = await readAll(store);
    const copy = await open(destination);
    const copied = await readAll(copy);
    expect(copied).toEqual(original.slice(0, copied.length));
    expect(copied.length).toBeGreaterThanOrEqual(before);
    expect(await append(copy, ['"after"'])).toMatchObject({ firstSeq: copied.length + 1 });
    await copy.close();
    await store.close();
  });

  test("of a database that nobody uses is the same", async () => {
    const { folder, path, store } = await makeDatabase(3);
    await store.close();
    chmodSync(path, 0o600);
    const destination = join(folder, "copy.db");
    await backupDatabase({ path, destination });
    expect(statSync(destination).mode & 0o777).toBe(0o600);
    const copy = await open(destination);
    expect(await bodiesOf(copy)).toHaveLength(3);
    await copy.close();
  });

  test("replaces nothing unless it is told to, and then only with a complete copy", async () => {
    const { folder, path, store } = await makeDatabase(1000);
    const destination = join(folder, "copy.db");
    writeFileSync(destination, "precious");
    await expect(backupDatabase({ path, destination })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: `${destination} is there already`,
    });
    const interrupted = backupDatabase({
      path,
      destination,
      isForced: true,
      onProgress: () => {
        throw new Error("interrupted");
      },
    });
    await expect(interrupted).rejects.toThrow("interrupted");
    expect(readdirSync(folder).filter((name) => name.startsWith("copy"))).toEqual(["copy.db"]);
    expect(statSync(destination).size).toBe("precious".length);
    await backupDatabase({ path, destination, isForced: true });
    const copy = await open(destination);
    expect(await bodiesOf(copy)).toHaveLength(1000);
    await copy.close();
    await store.close();
  });

  test.each([
    ["over the database itself", "tachikoma.db", "is the database itself"],
    ["over a folder", "folder", "is a folder: name the file to make"],
    ["into a folder that is not there", "none/copy.db", "There is no folder"],
  ])("%s is refused", async (_, name, part) => {
    const { folder, path, store } = await makeDatabase(0);
    await store.close();
    mkdirSync(join(folder, "folder"));
    await expect(
      backupDatabase({ path, destination: join(folder, name), isForced: true }),
    ).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining(part),
    });
  });

  test("of nothing, and of what is not ours, is refused", async () => {
    const folder = await makeFolder();
    const destination = join(folder, "copy.db");
    await expect(backupDatabase({ path: join(folder, "none.db"), destination })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("There is no database at"),
    });
    const path = join(folder, "bookmarks.db");
    const other = new DatabaseSync(path);
    other.exec("CREATE TABLE bookmark (url TEXT)");
    other.close();
    await expect(backupDatabase({ path, destination })).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("another application"),
    });
    expect(readdirSync(folder)).not.toContain("copy.db");
  });
});
