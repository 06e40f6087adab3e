/** A disk that is full, as the operating system says it: a small file system, and a limit on the size of files. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempFolders } from "../contract/temp-folder.ts";
import { runScript, startScript } from "./testing/child-script.ts";
import { describeWhere, withOwnMounts, withTool } from "./testing/restriction.ts";

const makeFolder = tempFolders();
const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);

const COMMON = `
  import { readAll, seededRandom, append, KEEP_ALL } from ${url("../contract/contract-fixture.ts")};
  import { openSqliteStore } from ${url("./sqlite-store.ts")};
  const path = process.argv[2];
  const print = (value) => console.log(JSON.stringify(value));
`;

/**
 * Appends until the disk is full, asks for room, goes on in the same process, and dies by SIGKILL. Prints what it saw before
 * each of the two last.
 */
const WRITER = (makeRoom: string) => `${COMMON}
  import { createInterface } from "node:readline";
  import { rmSync } from "node:fs";
  const log = [];
  const note = (_, text) => log.push(text);
  const logger = { debug() {}, info: note, warn: note, error: note };
  const store = await openSqliteStore({ path, random: seededRandom(1), logger });
  const key = (channel) => ({ tenant: "acme", channel });
  const bodyOf = (count) => JSON.stringify(count + " " + "x".repeat(20_000));
  const confirmed = [];
  const codes = new Set();
  let count = 0;
  const appendOne = async () => {
    const body = bodyOf(++count);
    await append(store, [body], { key: key("filler") }).then(
      () => confirmed.push(count),
      ({ code }) => codes.add(code),
    );
  };
  await append(store, ['"before"']);
  while (codes.size === 0) await appendOne();
  const batch = await Promise.allSettled([append(store, ['"batched"']), appendOne(), append(store, ["1"], { key: key("new") })]);
  // What is too large for the room that is left leaves room for what is smaller: until nothing fits any more.
  const ping = () => store.ping().then(() => "ready", ({ code }) => code);
  const swept = () => store.sweep({ nowMs: 0, idleLogMs: 1e12, idempotencyMs: 1e12 }).then(() => "swept", ({ code }) => code);
  while ((await ping()) === "ready") await appendOne();
  print({
    codes: [...codes],
    confirmed,
    batch: batch.map(({ status }) => status),
    // A sweep that finds nothing to do must not pass for a sign of life.
    swept: await swept(),
    read: (await readAll(store, key("filler"))).length,
    before: (await readAll(store)).map(({ body }) => body),
    log: log.splice(0),
  });
  ${makeRoom}
  const confirmedWhenFull = confirmed.length;
  if ((await ping()) !== "ready") throw new Error("There is room, and the store is not ready");
  while (confirmed.length < confirmedWhenFull + 20) await appendOne();
  while (log.length === 0) await swept();
  print({ confirmed, log });
  process.kill(process.pid, "SIGKILL");
`;

const READER = `${COMMON}
  const store = await openSqliteStore({ path, random: seededRandom(2) });
  const records = await readAll(store, { tenant: "acme", channel: "filler" });
  print(records.map(({ seq, body }) => [seq, Number(JSON.parse(body).split(" ")[0])]));
  await store.close();
`;

interface WhenFull {
  readonly codes: readonly string[];
  readonly confirmed: readonly number[];
  readonly log: readonly string[];
}

/** What was confirmed is there, once and in order, and nothing of what was refused. */
function expectHonest(fault: string, [whenFull, afterwards, found]: readonly unknown[]): void {
  const { confirmed: first } = whenFull as WhenFull;
  expect(whenFull).toEqual({
    codes: ["STORE_UNAVAILABLE"],
    confirmed: first,
    batch: ["rejected", "fulfilled", "rejected"],
    swept: "STORE_UNAVAILABLE",
    read: first.length,
    before: ['"before"'],
    log: [expect.stringContaining(fault)],
  });
  expect(first.length).toBeGreaterThan(3);
  const { confirmed, log } = afterwards as WhenFull;
  expect(confirmed.slice(0, first.length)).toEqual(first);
  expect(confirmed).toHaveLength(first.length + 20);
  expect(log).toEqual(["The database can be written again"]);
  expect(found).toEqual(confirmed.map((count, index) => [index + 1, count]));
}

describeWhere("a file system without room", withOwnMounts(), (command) => {
  test("refuses what it cannot hold, keeps what it confirmed, and goes on when there is room", async () => {
    const folder = await makeFolder();
    const scripts = await makeFolder();
    const makeRoom = `rmSync(${JSON.stringify(join(folder, "ballast"))});`;
    const values = await runScript(join(scripts, "writer.mjs"), WRITER(makeRoom), {
      command: [...command, "sh", "-c", MOUNT_AND_RUN, folder],
      args: [join(folder, "tachikoma.db"), join(scripts, "reader.mjs"), READER],
    });
    expectHonest("disk of the database is full", values);
  });
});

/**
 * The mount ends with its last process, so the shell that made it starts the process that dies and the one that looks after
 * it. Arguments: the folder; Node, two flags, the script and the database; path and text of the second script.
 */
const MOUNT_AND_RUN = `
  mount -t tmpfs -o size=4m tmpfs "$0" && head -c 2000000 /dev/zero >"$0/ballast" || exit 1
  exec 3>&2 2>/dev/null # the shell has something to say about who was killed
  (exec "$1" "$2" "$3" "$4" "$5" 2>&3)
  printf %s "$7" >"$6" && "$1" "$2" "$3" "$6" "$5" 2>&3
`;

describeWhere("a limit on the size of files", withTool("prlimit"), () => {
  test("is met in the same way: writing goes on when the limit is lifted", async () => {
    const folder = await makeFolder();
    const path = join(folder, "tachikoma.db");
    const waitForRoom = `await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));`;
    const { child, lines } = await startScript(join(folder, "writer.mjs"), WRITER(waitForRoom), {
      command: ["prlimit", "--fsize=2000000:unlimited"],
      args: [path],
    });
    const exited = once(child, "exit");
    const values: unknown[] = [];
    for await (const line of lines) {
      values.push(JSON.parse(line));
      if (values.length > 1) continue;
      const { status, stderr } = spawnSync("prlimit", [
        "--pid",
        `${child.pid}`,
        "--fsize=unlimited:unlimited",
      ]);
      expect({ status, stderr: String(stderr) }).toEqual({ status: 0, stderr: "" });
      child.stdin!.write("room\n");
    }
    expect(await exited).toEqual([null, "SIGKILL"]);
    const found = await runScript(join(folder, "reader.mjs"), READER, { args: [path] });
    expectHonest("disk of the database reports errors", [...values, ...found]);
  });
});
