import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, test } from "vitest";
import { readAll, seededRandom } from "../contract/contract-fixture.ts";
import { tempFolders } from "../contract/temp-folder.ts";
import { openSqliteStore } from "./sqlite-store.ts";

const makeFolder = tempFolders();
const STORE_URL = new URL("./sqlite-store.ts", import.meta.url).href;
const DEADLINE_MS = 15_000;
const CHANNELS = ["chat:0", "chat:1", "chat:2"];

/** Appends for ever, twelve at a time, and prints each confirmed place: `channel first last body`. */
const WRITER = `
  import { writeSync } from "node:fs";
  import { openSqliteStore } from ${JSON.stringify(STORE_URL)};
  const [path, round, durability] = process.argv.slice(2);
  const id = (chars) => Array.from({ length: chars }, () => Math.floor(Math.random() * 36).toString(36)).join("");
  const store = await openSqliteStore({ path, durability, random: { id, fraction: Math.random } });
  const nap = new Int32Array(new SharedArrayBuffer(4));
  // Whatever has been printed survives the kill, so nothing waits in this process; a full pipe is tried again.
  const print = (line) => {
    for (let bytes = Buffer.from(line); bytes.length > 0; ) {
      try {
        bytes = bytes.subarray(writeSync(1, bytes));
      } catch (error) {
        if (error.code !== "EAGAIN") throw error;
        Atomics.wait(nap, 0, 0, 1);
      }
    }
  };
  print("open\\n");
  const retention = { maxRecords: 1e6, maxBytes: 1e9, maxAgeMs: 1e12 };
  const write = async (lane) => {
    const channel = "chat:" + (lane % 3);
    for (let count = 0; ; count++) {
      const body = JSON.stringify(round + "-" + lane + "-" + count);
      const records = Array.from({ length: 1 + (count % 3) }, () => ({ type: "chunk", body }));
      const { firstSeq, lastSeq } = await store.append({ key: { tenant: "acme", channel }, records, nowMs: Date.now(), retention });
      print(channel + " " + firstSeq + " " + lastSeq + " " + body + "\\n");
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, lane) => write(lane)));
`;

interface Confirmed {
  readonly channel: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly body: string;
}

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

async function startWriter(path: string, round: number, durability: string): Promise<ChildProcess> {
  const script = `${path}.writer.mjs`;
  await writeFile(script, WRITER);
  const args = [
    "--conditions=source",
    "--disable-warning=ExperimentalWarning",
    script,
    path,
    `${round}`,
    durability,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}

/** Reads what the writer confirms, kills it after `count` lines, and returns all that it had confirmed by then. */
async function killAfter(child: ChildProcess, count: number): Promise<Confirmed[]> {
  const deadline = setTimeout(() => child.kill("SIGTERM"), DEADLINE_MS);
  const confirmed: Confirmed[] = [];
  let hasOpened = false;
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === "open") {
      hasOpened = true;
      continue;
    }
    const match = /^(\S+) (\d+) (\d+) (".*")$/.exec(line);
    // The last line may be cut by the kill: then it was not confirmed to anyone.
    if (match === null) continue;
    confirmed.push({
      channel: match[1]!,
      firstSeq: Number(match[2]),
      lastSeq: Number(match[3]),
      body: match[4]!,
    });
    if (confirmed.length === count) child.kill("SIGKILL");
  }
  clearTimeout(deadline);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect({ hasOpened, signal: child.signalCode, confirmed: Math.min(confirmed.length, count) }).toEqual({
    hasOpened: true,
    signal: "SIGKILL",
    confirmed: count,
  });
  return confirmed;
}

describe.each(["power-loss", "process-crash"] as const)("kill -9 with durability %s", (durability) => {
  test("loses nothing confirmed, gives nothing twice, leaves no gap", async () => {
    const path = join(await makeFolder(), "tachikoma.db");
    const random = seededRandom(durability.length);
    const all: Confirmed[] = [];
    let epochs: (string | undefined)[] | undefined;
    for (let round = 1; round <= 4; round++) {
      const child = await startWriter(path, round, durability);
      all.push(...(await killAfter(child, 1 + Math.floor(random.fraction() * 1500))));

      const store = await openSqliteStore({ path, random, durability });
      const heads = await Promise.all(CHANNELS.map((channel) => store.logState({ tenant: "acme", channel })));
      const epochsNow = heads.map((state) => state?.head.epoch);
      for (const [index, channel] of CHANNELS.entries()) {
        const records = await readAll(store, { tenant: "acme", channel });
        expect(records.map(({ seq }) => seq)).toEqual(records.map((_, at) => at + 1));
        expect(records.at(-1)?.seq ?? 0).toBe(heads[index]?.head.seq ?? 0);
        for (const { firstSeq, lastSeq, body } of all.filter((entry) => entry.channel === channel)) {
          const found = records.slice(firstSeq - 1, lastSeq).map((record) => record.body);
          expect(found, `confirmed at ${channel} ${firstSeq}`).toEqual(
            Array(lastSeq - firstSeq + 1).fill(body),
          );
        }
        expectWholeAppends(records.map(({ body }) => body));
        if (epochs?.[index] !== undefined) expect(epochsNow[index]).toBe(epochs[index]);
      }
      epochs = epochsNow;
      await store.close();
    }
  });
});

/** Each body is written once, by one append of 1 to 3 records: all of them are there, side by side. */
function expectWholeAppends(bodies: readonly string[]): void {
  const counts = new Map<string, number>();
  for (const [index, body] of bodies.entries()) {
    if (counts.has(body) && bodies[index - 1] !== body) throw new Error(`${body} was stored twice`);
    counts.set(body, (counts.get(body) ?? 0) + 1);
  }
  for (const [body, count] of counts) {
    const appendNumber = Number(JSON.parse(body).split("-")[2]);
    expect({ body, count }).toEqual({ body, count: 1 + (appendNumber % 3) });
  }
}

test("the database of a living process cannot be opened; after kill -9 it can", async () => {
  const path = join(await makeFolder(), "tachikoma.db");
  const child = await startWriter(path, 1, "power-loss");
  const deadline = setTimeout(() => child.kill("SIGTERM"), DEADLINE_MS);
  const exited = once(child, "exit");
  const [line] = await once(createInterface({ input: child.stdout! }), "line");
  expect(line).toBe("open");

  const random = seededRandom(1);
  await expect(openSqliteStore({ path, random, lockTimeoutMs: 20 })).rejects.toMatchObject({
    code: "STORE_UNAVAILABLE",
    message: expect.stringMatching(
      process.platform === "linux" ? `${path} is in use by process ${child.pid}` : `${path} is in use by`,
    ),
  });
  expect(child.exitCode).toBeNull();

  child.kill("SIGKILL");
  await exited;
  clearTimeout(deadline);
  const store = await openSqliteStore({ path, random, lockTimeoutMs: 20 });
  await store.close();
});
