/** Answers that survive the death of their server: SQLite, kill -9, and a handler that asked to be run anew. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connect, type Execution, type TachikomaClient } from "@tachikoma/client";
import { type LogRecord, openSqliteStore } from "@tachikoma/server";
import { afterEach, expect, test } from "vitest";
import { seededRandom } from "../packages/server/src/core/testing/seeded-random.ts";
import { RunningProcess } from "./support/running-process.ts";
import { eventually, within } from "./support/wait.ts";

const SCRIPT = fileURLToPath(new URL("support/server-process.ts", import.meta.url));
const CHANNEL = "chat:1";
const STEP_TIMEOUT_MS = 10_000;
const TEST_TIMEOUT_MS = 60_000;
/** Outside the range from which systems take ports for clients: one of ours would take it while nobody listens. */
const port = 30_001 + Math.floor(Math.random() * 2_000);
const WHOLE = Array.from({ length: 100 }, (_, number) => `${number} `).join("");

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test("EXE-11 an answer survives kill -9 whole, once; killed a second time it is interrupted", {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-restart-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const databasePath = join(folder, "tachikoma.db");
  let server = await startServer(databasePath);
  cleanups.push(() => server.kill());
  const client = connect(`ws://127.0.0.1:${port}/ws`, { backOff: { baseDelayMs: 50, maxDelayMs: 250 } });
  cleanups.push(() => client.close());

  const quick = watch(client, { upTo: 100, pauseMs: 4 });
  const endless = watch(client, { upTo: 1_000_000, pauseMs: 4 });
  await inMidStream([quick, endless]);
  await server.kill();
  server = await startServer(databasePath);

  expect(await within(STEP_TIMEOUT_MS, "the whole answer", quick.run.text)).toBe(WHOLE);
  expect(await quick.run.ended).toMatchObject({ outcome: "completed" });
  await eventually(
    STEP_TIMEOUT_MS,
    "the second attempt",
    () => endless.attempts[1]?.includes("9 ") || undefined,
  );
  await server.kill();
  server = await startServer(databasePath);
  expect(await within(STEP_TIMEOUT_MS, "the end", endless.run.ended)).toMatchObject({
    outcome: "interrupted",
    reason: "owner_lost",
  });
  server.signal("SIGTERM");
  expect(await server.ended()).toMatchObject({ code: 0 });

  const logged = await attemptsInLog(databasePath, await quick.run.id);
  expect(logged).toHaveLength(2);
  expect(WHOLE.startsWith(logged[0]!) && logged[0] !== WHOLE).toBe(true);
  expect(logged[1]).toBe(WHOLE);
  expect(quick.attempts).toEqual(logged);
  expect(endless.attempts).toEqual(await attemptsInLog(databasePath, await endless.run.id));
});

async function startServer(databasePath: string): Promise<RunningProcess> {
  const server = new RunningProcess(["--conditions=source", SCRIPT, String(port), databasePath]);
  await server.matched(/listening on \d+/);
  return server;
}

interface Watched {
  readonly run: Execution;
  /** What has arrived, by attempt. */
  readonly attempts: string[];
}

function watch(client: TachikomaClient, input: object): Watched {
  const run = client.channel(CHANNEL).execute("restarting", input);
  const attempts = [""];
  run.on("chunk", (chunk) => {
    if (chunk.type === "text-delta") attempts.push(`${attempts.pop()}${chunk.delta}`);
  });
  run.on("restarted", ({ attempt }) => {
    expect(attempt).toBe(attempts.length + 1);
    attempts.push("");
  });
  return { run, attempts };
}

async function inMidStream(watched: readonly Watched[]): Promise<void> {
  await eventually(
    STEP_TIMEOUT_MS,
    "both answers in mid-stream",
    () => watched.every(({ attempts }) => attempts[0]!.includes("5 ")) || undefined,
    () => JSON.stringify(watched.map(({ attempts }) => attempts)),
  );
}

/** The text of each attempt, from the file. */
async function attemptsInLog(path: string, executionId: string): Promise<string[]> {
  const store = await openSqliteStore({ path, random: seededRandom(1) });
  const key = { tenant: "default", channel: CHANNEL };
  const records: LogRecord[] = [];
  for (;;) {
    const afterSeq = records.at(-1)?.seq ?? 0;
    const page = await store.read({ key, afterSeq, maxRecords: 1_000, maxBytes: 1_000_000 });
    if (page === undefined || page.records.length === 0) break;
    records.push(...page.records);
  }
  await store.close();
  const attempts = [""];
  for (const { type, body } of records.filter((record) => record.executionId === executionId)) {
    if (type === "execution_restarted") attempts.push("");
    if (type !== "chunk") continue;
    const { delta = "" } = JSON.parse(body) as { readonly delta?: string };
    attempts.push(`${attempts.pop()}${delta}`);
  }
  return attempts;
}
