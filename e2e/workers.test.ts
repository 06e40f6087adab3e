/**
 * Several processes that share a port and a store: on SQLite, which a process of their own serves to them, and on Redis. What holds for
 * nodes holds for them, whichever of them dies.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { errorCodeOf } from "@tachikoma/protocol";
import { openSqliteStore, type Store } from "@tachikoma/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../packages/server/src/core/testing/seeded-random.ts";
import { openRedisStore } from "../packages/server/src/stores/redis/redis-store.ts";
import { describeWithRedis } from "../packages/server/src/stores/redis/testing/describe-with-redis.ts";
import { RedisServer } from "../packages/server/src/stores/redis/testing/redis-server.ts";
import { expectRefusal } from "../packages/server/src/testing/plain-client.ts";
import { checkHistory } from "../sim/history/check-history.ts";
import { BOARD, BoardUser, PlainWatcher, Recorder, RUNS, TENANT } from "./support/board-clients.ts";
import { logEntry, readLogs, textOf } from "./support/read-logs.ts";
import { tachikoma } from "./support/running-process.ts";
import { eventually, within } from "./support/wait.ts";
import { isAlive, WorkersServer } from "./support/workers-server.ts";

const TEST_TIMEOUT_MS = 180_000;
const STEP_MS = 30_000;
const STOP_MS = 40_000;
/** The pace of the clients; no test waits for it. */
const PUBLISH_PAUSE_MS = 10;
const REFUSED_PAUSE_MS = 100;

interface Database {
  readonly url: string;
  /** After the server has stopped. */
  readonly open: () => Promise<Store>;
}

let folder: string;
const cleanups: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tachikoma-workers-"));
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(url: string, options: Parameters<typeof WorkersServer.start>[2] = {}) {
  const server = await WorkersServer.start(folder, url, options);
  cleanups.push(() => server.process.kill());
  return server;
}

async function sqlite(): Promise<Database> {
  const path = join(folder, "tachikoma.db");
  return { url: `sqlite://${path}`, open: () => openSqliteStore({ path, random: seededRandom(1) }) };
}

async function redis(): Promise<Database> {
  const server = await RedisServer.start();
  cleanups.push(() => server.dispose());
  return { url: server.url, open: () => openRedisStore({ url: server.url, random: seededRandom(1) }) };
}

describe("workers on SQLite", () => {
  workersContract(sqlite);

  test("go on when the process with the store is killed: nothing lost, nothing twice", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const database = await sqlite();
    // However long a busy machine takes to start it again, no lease runs out meanwhile.
    const server = await serve(database.url, { leaseTtlSecs: 60 });
    const crowd = await startCrowd(server);
    for (let killed = 0; killed < 3; killed += 1) {
      await crowd.untilBusy();
      await server.killed(0);
    }
    await crowd.untilBusy();
    // Whoever asks meanwhile is told to ask again, and does.
    const outcomes = await finish(server, crowd, database, /The process that has the store/);
    expect(outcomes.get("interrupted") ?? 0).toBe(0);
    expect(outcomes.get("completed")).toBeGreaterThan(0);
  });

  test("and the store end when their parent is killed, and another can have the file", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const { url } = await sqlite();
    const first = await serve(url);
    const client = await first.clientAt(1, "alice");
    await client.ask({ type: "publish", id: "1", channel: BOARD, data: "kept" });
    const started = await client.ask({
      type: "execute",
      id: "2",
      handler: "count",
      channel: RUNS,
      input: count(1e6, 5),
    });
    const pids = first.allPids();
    expect(pids).toHaveLength(3);
    await first.process.kill();
    await eventually(
      STEP_MS,
      "the end of all processes",
      () => !pids.some(isAlive) || undefined,
      () => `alive: ${pids.filter(isAlive).join(" ")}`,
    );

    const second = await serve(url, { port: first.port });
    const reader = await second.clientAt(2, "bob");
    await reader.ask({ type: "subscribe", id: "1", channel: BOARD, since: "start" });
    expect(await reader.next("message")).toMatchObject({ data: "kept" });
    // Nobody who had it can be left, so nobody waits for its lease.
    await reader.ask({ type: "subscribe", id: "2", channel: RUNS, since: "start" });
    expect(await reader.next("execution_interrupted")).toMatchObject({ execution_id: started.execution_id });
  });

  test("are refused a file that another server has, in one line", { timeout: TEST_TIMEOUT_MS }, async () => {
    const { url } = await sqlite();
    await serve(url);
    const second = tachikoma(["serve", "--port", "0", "--workers", "2", "--database", url], { cwd: folder });
    cleanups.push(() => second.kill());
    const { code, stderr } = await second.ended(STOP_MS);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tachikoma: Database .* is in use by process \d+: .*STORE_UNAVAILABLE\)\n$/);
  });

  test("are refused a port that is in use, before any of them is started", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => taken.close());
    const { port } = taken.address() as { readonly port: number };
    const server = tachikoma(["serve", "--port", String(port), "--workers", "2"], { cwd: folder });
    cleanups.push(() => server.kill());
    const { code, stdout, stderr } = await server.ended(STOP_MS);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is in use`);
  });
});

describeWithRedis("workers on Redis", () => workersContract(redis));

function workersContract(makeDatabase: () => Promise<Database>): void {
  test("are one server to their clients", { timeout: TEST_TIMEOUT_MS }, async () => {
    const { url } = await makeDatabase();
    const server = await serve(url);
    const [one, two] = [await server.clientAt(1, "alice"), await server.clientAt(2, "bob")];

    // A record that is published at one arrives at the other, and a signal too.
    await two.ask({ type: "subscribe", id: "s1", channel: BOARD });
    await one.ask({ type: "publish", id: "p1", channel: BOARD, data: "from one" });
    expect(await two.next("message")).toMatchObject({ channel: BOARD, data: "from one", sender: "alice" });
    one.send({ type: "signal", channel: BOARD, data: "typing" });
    expect(await two.next("signal")).toMatchObject({ data: "typing", sender: "alice" });

    // What runs at one is watched and cancelled at the other.
    await two.ask({ type: "subscribe", id: "s2", channel: RUNS });
    const started = await one.ask({
      type: "execute",
      id: "e1",
      handler: "count",
      channel: RUNS,
      input: count(1e6, 5),
    });
    await two.next("chunk");
    const cancelled = await two.ask({ type: "cancel", id: "c1", execution_id: started.execution_id });
    expect(["accepted", "applied"]).toContain(cancelled.status);
    expect(await one.next("execution_cancelled")).toMatchObject({ execution_id: started.execution_id });
    expect(await two.next("execution_cancelled")).toMatchObject({ execution_id: started.execution_id });

    // The limit of a client holds for all workers together: 3.
    await server.clientAt(2, "alice");
    await server.clientAt(1, "alice");
    expect(await expectRefusal(`${server.socketUrl}?client_id=alice`)).toMatchObject({ status: 429 });

    expect(await (await fetch(`${server.url}/readyz`)).json()).toEqual({ status: "ready" });
    expect(await server.metric("tachikoma_worker_up", 1)).toBe(1);
    expect(await server.metric("tachikoma_worker_up", 2)).toBe(1);
    expect(await server.metric("tachikoma_connections", 1)).toBeGreaterThanOrEqual(2);
    expect(await server.metric("tachikoma_connections", 2)).toBeGreaterThanOrEqual(2);
  });

  test("killed one after the other: nothing lost, nothing twice, and every execution ends", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const database = await makeDatabase();
    const server = await serve(database.url);
    const crowd = await startCrowd(server);
    for (const worker of [1, 2, 1]) {
      await crowd.untilBusy();
      await server.killed(worker);
    }
    await crowd.untilBusy();
    const outcomes = await finish(server, crowd, database);
    expect(outcomes.get("interrupted")).toBeGreaterThan(0);
  });

  test("replaced one after the other, and stopped: no connection ends without a word", {
    timeout: TEST_TIMEOUT_MS,
  }, async () => {
    const database = await makeDatabase();
    const server = await serve(database.url);
    const crowd = await startCrowd(server);
    const before = server.allPids();
    await crowd.untilBusy();
    server.process.signal("SIGUSR2");
    await server.process.matched(/All workers were replaced/, STEP_MS);
    expect(server.pidOf(1)).not.toBe(before[1]);
    expect(server.pidOf(2)).not.toBe(before[2]);
    await crowd.untilBusy();
    // Whoever had to leave was let in elsewhere at once.
    expect(crowd.plain.map(({ failedCount }) => failedCount)).toEqual([0, 0]);
    expect(crowd.closeCodes().length).toBeGreaterThan(0);
    const watching = [await server.clientAt(1, "last-1"), await server.clientAt(2, "last-2")];
    await finish(server, crowd, database);
    const codes = (await Promise.all(watching.map(({ closed }) => closed))).map(({ code }) => code);
    expect(codes).not.toContain(1006);
    expect(crowd.closeCodes()).not.toContain(1006);
  });
}

function count(upTo: number, pauseMs: number) {
  return { messages: [{ role: "user", content: `${upTo} ${pauseMs}` }] };
}

/** Clients that publish and run executions without a break, and what they see. */
async function startCrowd(server: WorkersServer) {
  const recorder = new Recorder();
  const names = ["ada", "bea", "cid", "dan"];
  const users = names.map((name) => new BoardUser(server.socketUrl, name, recorder));
  const plain = ["eve", "fay"].map((name) => new PlainWatcher(server.socketUrl, name));
  cleanups.push(() => {
    for (const { client } of users) client.close();
    for (const watcher of plain) watcher.close();
  });
  await within(STEP_MS, "all subscriptions", Promise.all([...users, ...plain].map((one) => one.watch())));
  let isOver = false;
  let refusedCount = 0;
  const repeat = async (once: () => Promise<void>) => {
    // A worker that leaves, or has no store at the moment, refuses work: it may have been done or not.
    const refused = async (error: unknown) => {
      if (!["SERVER_NOT_READY", "STORE_UNAVAILABLE"].includes(errorCodeOf(error) ?? "")) throw error;
      refusedCount += 1;
      // As an application would: what is refused now is not asked for again in the same moment.
      await pause(REFUSED_PAUSE_MS);
    };
    while (!isOver) await once().catch(refused);
  };
  const loops = users.flatMap((user, index) => {
    const publishing = repeat(async () => {
      await user.publish();
      await pause(PUBLISH_PAUSE_MS);
    });
    return index < 2 ? [publishing, repeat(() => user.run(count(100, 10), "shared", "watch"))] : [publishing];
  });
  const work = Promise.all(loops);
  // Told where it is waited for.
  work.catch(() => {});
  const boardSeq = () => Math.min(...[...users, ...plain].map((one) => one.boardSeq));
  const chunkCount = () => users.reduce((sum, user) => sum + user.chunkCount, 0);
  return {
    recorder,
    users,
    plain,
    refusedCount: () => refusedCount,
    closeCodes: () => plain.flatMap((watcher) => watcher.closeCodes),
    /** Messages at everybody and chunks of executions, after now. */
    untilBusy: async () => {
      const targets = [boardSeq() + 50, chunkCount() + 30] as const;
      await eventually(
        STEP_MS,
        "messages and chunks",
        () => (boardSeq() >= targets[0] && chunkCount() >= targets[1]) || undefined,
        () =>
          `${[...users, ...plain].map((one) => `${one.name} ${one.boardSeq} ${one.faults[0] ?? ""}`).join("; ")}; chunks ${chunkCount()} of ${targets[1]}; ${server.process.stdout.slice(-1_500)}`,
      );
    },
    finishWork: async () => {
      isOver = true;
      await within(STEP_MS, "the end of the work", work);
      await within(STEP_MS, "the last message", users[0]!.publish());
    },
  };
}

/** Ends the work, stops the server, and compares what everybody saw with what is stored. Returns how executions ended. */
async function finish(
  server: WorkersServer,
  crowd: Awaited<ReturnType<typeof startCrowd>>,
  database: Database,
  excused = /^$/,
): Promise<Map<string, number>> {
  const { recorder, users, plain } = crowd;
  const watchers = [...users, ...plain];
  await crowd.finishWork();
  const runs = users.flatMap((user) => user.runs);
  const publishCount = users.reduce((sum, user) => sum + user.publishCount, 0);
  const last = recorder.records.findLast((record) => record.kind === "pub.ok")!;
  await eventually(
    STEP_MS,
    "everything at every watcher",
    () =>
      watchers.every(
        (one) => one.boardSeq >= last.seq && runs.every(({ id }) => one.runEnds(id).length > 0),
      ) || undefined,
    () =>
      watchers
        .map((one) => `${one.name} at ${one.boardSeq} of ${last.seq} ${one.faults[0] ?? ""}`)
        .join("; "),
  );
  recorder.add({ kind: "phase", phase: "end" });
  server.process.signal("SIGTERM");
  expect(await server.process.ended(STOP_MS)).toMatchObject({ code: 0 });

  const store = await database.open();
  const logs = await readLogs(store, [BOARD, RUNS]);
  await store.close();
  const board = logs.get(BOARD)!;
  const entries = board.records.map(logEntry);
  recorder.add({ kind: "log.dump", stream: `${TENANT}/${BOARD}`, epoch: board.epoch, baseSeq: 0, entries });
  const faults = watchers.flatMap((one) => one.faults.map((fault) => `${one.name}: ${fault}`));
  expect(faults.filter((fault) => !excused.test(fault))).toEqual([]);
  expect(checkHistory(recorder.records).map(({ invariant, text }) => `${invariant}: ${text}`)).toEqual([]);
  const values = board.records.map(({ body }) => String(JSON.parse(body)));
  expect(new Set(values).size).toBe(values.length);
  expect(values.length).toBeLessThanOrEqual(publishCount);
  expect(values.length).toBeGreaterThanOrEqual(publishCount - crowd.refusedCount());
  for (const watcher of watchers) expect(watcher.boardValues(), watcher.name).toEqual(values);

  const outcomes = new Map<string, number>();
  for (const { id } of runs) {
    const records = logs.get(RUNS)!.records.filter(({ executionId }) => executionId === id);
    const ends = records.filter(({ type }) => type !== "chunk" && type !== "execution_started");
    expect(
      ends.map(({ type }) => type),
      id,
    ).toHaveLength(1);
    expect(records.at(-1), id).toBe(ends[0]);
    const numbers = textOf(records).trim().split(" ").filter(Boolean).map(Number);
    const outcome = ends[0]!.type.replace("execution_", "");
    // The last number may have been cut where its worker was killed.
    const whole = outcome === "completed" ? numbers : numbers.slice(0, -1);
    expect(whole, id).toEqual(whole.map((_, index) => index));
    if (outcome === "completed") expect(numbers, id).toHaveLength(100);
    for (const watcher of watchers) {
      expect(watcher.runText(id), `${watcher.name} ${id}`).toBe(textOf(records));
      expect(watcher.runEnds(id), `${watcher.name} ${id}`).toEqual([outcome]);
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  process.stdout.write(
    `workers: ${publishCount} messages, executions ${JSON.stringify(Object.fromEntries(outcomes))}\n`,
  );
  return outcomes;
}
