/**
 * The server is killed with SIGKILL while it streams, again and again, and comes back on the same port and the same database.
 * Afterwards the log, read from the file, is compared with what every watcher has seen.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LogRecord, openSqliteStore } from "@tachikoma/server";
import { afterEach, expect, test } from "vitest";
import { seededRandom } from "../packages/server/src/core/testing/seeded-random.ts";
import { checkHistory } from "../sim/history/check-history.ts";
import {
  BOARD,
  BoardUser,
  PlainWatcher,
  Recorder,
  RUNS,
  TENANT,
  type Watcher,
} from "./support/board-clients.ts";
import { logEntry, readLogs, textOf } from "./support/read-logs.ts";
import { RunningProcess } from "./support/running-process.ts";
import { eventually, within } from "./support/wait.ts";

const KILL_COUNT = 20;
const USER_COUNT = 10;
const PLAIN_COUNT = 2;
const STEP_TIMEOUT_MS = 15_000;
const TEST_TIMEOUT_MS = 120_000;
const SCRIPT = fileURLToPath(new URL("support/server-process.ts", import.meta.url));

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const seed = Number(process.env["TACHIKOMA_E2E_SEED"] ?? Math.floor(Math.random() * 1_000_000));
const random = seededRandom(seed);
const between = (least: number, most: number) => least + Math.floor(random.fraction() * (most - least + 1));

/** Outside the range from which systems take ports for clients: one of ours would take it while nobody listens. */
const port = between(20_000, 30_000);

test(`kill -9 ${KILL_COUNT} times in mid-stream: nothing lost, nothing twice, in order (seed ${seed})`, {
  timeout: TEST_TIMEOUT_MS,
}, async () => {
  process.stdout.write(`kill -9: TACHIKOMA_E2E_SEED=${seed}\n`);
  const folder = mkdtempSync(join(tmpdir(), "tachikoma-kill-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  const databasePath = join(folder, "tachikoma.db");
  let server = await startServer(databasePath);
  cleanups.push(() => server.kill());

  const recorder = new Recorder();
  const url = `ws://127.0.0.1:${port}/ws`;
  const users = Array.from(
    { length: USER_COUNT },
    (_, index) => new BoardUser(url, `user-${index}`, recorder),
  );
  const plain = Array.from({ length: PLAIN_COUNT }, (_, index) => new PlainWatcher(url, `plain-${index}`));
  const watchers: readonly Watcher[] = [...users, ...plain];
  cleanups.push(() => {
    for (const { client } of users) client.close();
    for (const watcher of plain) watcher.close();
  });
  await within(
    STEP_TIMEOUT_MS,
    "all subscriptions",
    Promise.all([...users, ...plain].map((one) => one.watch())),
  );

  const work = startWork(users);
  for (let killed = 0; killed < KILL_COUNT; killed += 1) {
    await untilMidStream(users, killed);
    recorder.add({ kind: "fault.on", fault: `kill ${killed}` });
    await server.kill();
    server = await startServer(databasePath);
    recorder.add({ kind: "fault.off", fault: `kill ${killed}` });
  }
  recorder.add({ kind: "phase", phase: "heal" });
  await untilMidStream(users, KILL_COUNT);
  await within(STEP_TIMEOUT_MS, "the end of the work", work.finish());
  recorder.add({ kind: "phase", phase: "quiescent" });

  const runs = users.flatMap((user) => user.runs);
  const shared = runs.filter(({ channel }) => channel === RUNS);
  const publishCount = users.reduce((sum, user) => sum + user.publishCount, 0);
  await eventually(
    STEP_TIMEOUT_MS,
    "everything at every watcher",
    () => watchers.every((one) => hasAll(one, publishCount, shared)) || undefined,
    () =>
      watchers
        .map((one) => `${one.name} at ${one.boardSeq} of ${publishCount} ${one.faults[0] ?? ""}`)
        .join("; "),
  );
  recorder.add({ kind: "phase", phase: "end" });
  server.signal("SIGTERM");
  expect(await server.ended()).toMatchObject({ code: 0 });

  const store = await openSqliteStore({ path: databasePath, random });
  const logs = await readLogs(store, [BOARD, RUNS, ...runs.map(({ channel }) => channel)]);
  await store.close();
  for (const [channel, { epoch, records }] of logs) {
    const entries = records.map(logEntry);
    recorder.add({ kind: "log.dump", stream: `${TENANT}/${channel}`, epoch, baseSeq: 0, entries });
  }
  expect(watchers.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`))).toEqual([]);
  expect(checkHistory(recorder.records).map(({ invariant, text }) => `${invariant}: ${text}`)).toEqual([]);

  const board = logs.get(BOARD)!.records.map(({ body }) => String(JSON.parse(body)));
  expect(new Set(board).size).toBe(board.length);
  expect(board.length).toBe(publishCount);
  for (const watcher of watchers) expect(watcher.boardValues(), watcher.name).toEqual(board);

  const outcomes = new Map<string, number>();
  for (const { id, channel, execution } of runs) {
    const records = logs.get(channel)!.records.filter(({ executionId }) => executionId === id);
    const outcome = checkRun(records);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    expect(await execution.text, id).toBe(textOf(records));
    expect((await execution.ended).outcome).toBe(outcome);
    if (channel !== RUNS) continue;
    for (const watcher of watchers) {
      expect(watcher.runText(id), `${watcher.name} ${id}`).toBe(textOf(records));
      expect(watcher.runEnds(id), `${watcher.name} ${id}`).toEqual([outcome]);
    }
  }
  // Without these the kills would have met an idle server.
  expect(outcomes.get("interrupted")).toBeGreaterThanOrEqual(KILL_COUNT);
  expect(outcomes.get("completed")).toBeGreaterThan(0);
  expect(outcomes.get("cancelled")).toBeGreaterThan(0);
  expect(plain.every(({ resumeCount }) => resumeCount >= KILL_COUNT / 2)).toBe(true);
  process.stdout.write(
    `kill -9: ${publishCount} messages, ${runs.length} executions ${JSON.stringify(Object.fromEntries(outcomes))}, ` +
      `plain clients went back over ${plain.map(({ repeatedCount }) => repeatedCount).join(" and ")} frames\n`,
  );
});

async function startServer(databasePath: string): Promise<RunningProcess> {
  const server = new RunningProcess(["--conditions=source", SCRIPT, String(port), databasePath]);
  await server.matched(/listening on \d+/);
  return server;
}

/** Every user publishes without a break; every second one also runs executions, on the shared channel or one of its own. */
function startWork(users: readonly BoardUser[]) {
  let isOver = false;
  const repeat = async (once: () => Promise<void>) => {
    while (!isOver) await once();
  };
  const loops = users.flatMap((user, index) => {
    const pauseMs = between(5, 15);
    const publishing = repeat(async () => {
      await user.publish();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    });
    if (index % 2 === 1) return [publishing];
    const place = index % 4 === 0 ? "shared" : "private";
    const running = repeat(() => {
      const then = between(1, 4) === 1 ? "cancel" : "watch";
      return user.run({ upTo: between(20, 120), pauseMs: 4 }, place, then);
    });
    return [publishing, running];
  });
  const all = Promise.all(loops);
  // Told where it is waited for.
  all.catch(() => {});
  return {
    finish: async () => {
      isOver = true;
      await all;
    },
  };
}

/** Some acknowledged messages and some chunks after now: a moment that the seed chooses, in the middle of both. */
async function untilMidStream(users: readonly BoardUser[], killed: number): Promise<void> {
  const published = () => users.reduce((sum, user) => sum + user.boardSeq, 0);
  const streamed = () => users.reduce((sum, user) => sum + user.chunkCount, 0);
  const targets = [published() + between(1, 2_000), streamed() + between(1, 600)] as const;
  await eventually(
    STEP_TIMEOUT_MS,
    `traffic after kill ${killed}`,
    () => (published() >= targets[0] && streamed() >= targets[1]) || undefined,
    () => users.map((user) => `${user.name} ${user.client.status.state} ${user.boardSeq}`).join("; "),
  );
}

function hasAll(watcher: Watcher, publishCount: number, runs: readonly { readonly id: string }[]): boolean {
  return watcher.boardSeq >= publishCount && runs.every(({ id }) => watcher.runEnds(id).length > 0);
}

/** One start, the numbers from 0 without a hole, one end. Returns how it ended. */
function checkRun(records: readonly LogRecord[]): string {
  expect(records[0]?.type).toBe("execution_started");
  const ends = records.filter(({ type }) => type !== "chunk" && type !== "execution_started");
  expect(ends.map(({ type }) => type)).toHaveLength(1);
  expect(records.at(-1)).toBe(ends[0]);
  const numbers = textOf(records).trim().split(" ").filter(Boolean).map(Number);
  expect(numbers).toEqual(numbers.map((_, index) => index));
  const outcome = ends[0]!.type.replace("execution_", "");
  expect(["completed", "interrupted", "cancelled"]).toContain(outcome);
  if (outcome === "interrupted") expect(JSON.parse(ends[0]!.body)).toMatchObject({ reason: "owner_lost" });
  return outcome;
}
