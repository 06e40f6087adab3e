import { mkdir, rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { append, bodiesOf, CHAT, KEEP_ALL, NOW_MS, readAll } from "../contract/contract-fixture.ts";
import type { AppendResult, Store } from "../store.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { fastClock } from "./testing/fast-clock.ts";
import { redisTestBed } from "./testing/redis-test-bed.ts";

/** As this store would have written it. */
const FOURTH_RECORD = [
  "first",
  "4",
  "tag",
  "t",
  "time",
  "1",
  "bytes",
  "1",
  "kinds",
  '[["message",null,null,null,1]]',
  "bodies",
  "4",
];
const OTHER = { tenant: "acme", channel: "chat:2" };
const unavailable = (message: string) =>
  expect.objectContaining({ code: "STORE_UNAVAILABLE", message: expect.stringContaining(message) });

describeWithRedis("a redis store in trouble", () => {
  const bed = redisTestBed();

  /** Appends numbers as fast as they are taken, until one is refused. */
  async function appendUntilRefused(store: Store): Promise<AppendResult[]> {
    const acknowledged: AppendResult[] = [];
    const inFlight: Promise<unknown>[] = [];
    let isRefused = false;
    for (let number = 1; !isRefused; number++) {
      const call = append(store, [`${number}`]).then(
        (result) => acknowledged.push(result),
        () => {
          isRefused = true;
        },
      );
      inFlight.push(call);
      if (inFlight.length >= 50) await inFlight.shift();
    }
    await Promise.all(inFlight);
    return acknowledged;
  }

  test("whose server is killed between appends keeps what was acknowledged, in order", async () => {
    const server = await bed.startServer({ persistence: "always" });
    const { store, events } = await bed.open(server.url);
    const appends = appendUntilRefused(store);
    for (let count = 0; count < 20; count++) await store.ping();
    await server.kill();
    const acknowledged = await appends;
    const lost = unavailable(`Redis at redis://127.0.0.1:${server.port} `);
    await expect(append(store, ["x"])).rejects.toEqual(lost);
    await expect(store.ping()).rejects.toEqual(lost);

    await server.restart();
    await events.until("new connection", () => events.reconnectedCount === 1);
    const records = await readAll(store);
    // Beyond them there may be some whose answer was lost. All of them are the first ones that were called.
    expect(records.length).toBeGreaterThanOrEqual(acknowledged.length);
    expect(records.map(({ body }) => body)).toEqual(records.map((_, index) => `${index + 1}`));
    for (const { firstSeq, tag } of acknowledged)
      expect(records[firstSeq - 1]).toMatchObject({ seq: firstSeq, tag });
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(await append(store, ["after"])).toMatchObject({ firstSeq: records.length + 1 });
    expect(events.lines.join("\n")).toContain("is there again");
  });

  test("behind a line that swallows everything refuses after a while and recovers", async () => {
    const server = await bed.startServer();
    const line = await bed.startForwarder(server.port);
    const clock = fastClock(10);
    const { store, events } = await bed.open(server.urlFor(undefined, line.port), { clock });
    await append(store, ["1"]);
    line.swallow();
    const unanswered = [append(store, ["2"]), store.ping()];
    for (const call of unanswered)
      await expect(call).rejects.toEqual(unavailable("no answer within 5000 ms"));
    await expect(append(store, ["3"])).rejects.toEqual(unavailable("Redis at "));
    line.heal();
    await events.until("new connection", () => events.reconnectedCount > 0);
    expect(await append(store, ["4"])).toMatchObject({ firstSeq: 2 });
  });

  test("lets nothing that was held up on the way run after what was called later", async () => {
    const server = await bed.startServer();
    const line = await bed.startForwarder(server.port);
    const { store, events } = await bed.open(server.urlFor(undefined, line.port), { clock: fastClock(20) });
    await append(store, ["1"]);
    line.holdConnection(0);
    await expect(append(store, ["late"])).rejects.toEqual(unavailable("no answer within 5000 ms"));
    await events.until("new connection", () => events.reconnectedCount === 1);
    await append(store, ["2"]);
    line.release();
    await append(store, ["3"]);
    // All connections are read in turn: what would have run has run by now.
    for (let count = 0; count < 20; count++) await server.command("PING");
    expect(await bodiesOf(store)).toEqual(["1", "2", "3"]);
  });

  test("loads its scripts again when the server has forgotten them, and keeps the order of calls", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    await append(store, ["1"]);
    await server.command("SCRIPT", "FLUSH");
    const outcomes = await Promise.allSettled(["2", "3"].map((body) => append(store, [body])));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    for (const outcome of outcomes)
      expect((outcome as PromiseRejectedResult).reason).toEqual(unavailable("has forgotten our scripts"));
    await Promise.all(["4", "5"].map((body) => append(store, [body])));
    expect(await bodiesOf(store)).toEqual(["1", "4", "5"]);
    expect(events.reconnectedCount).toBe(0);
  });

  test("on a server that is full refuses appends, serves what needs no room, and recovers by itself", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    await append(store, ["1"]);
    const lease = (await store.acquireLease("execution:1", "a", 1000, NOW_MS, "{}"))!;
    await server.command("CONFIG", "SET", "maxmemory", "1");
    const attempts = Array.from({ length: 5 }, () => append(store, ["2"]));
    for (const attempt of attempts) await expect(attempt).rejects.toEqual(unavailable("is out of memory"));
    expect(await bodiesOf(store)).toEqual(["1"]);
    expect(await store.renewLease("execution:1", lease.token, 1000, NOW_MS + 500)).toBe(true);
    await store.sweep({ nowMs: NOW_MS, idleLogMs: 0, idempotencyMs: 0 });
    await server.command("CONFIG", "SET", "maxmemory", "0");
    expect(await append(store, ["3"])).toMatchObject({ firstSeq: 2 });
    expect(events.lines.filter((line) => line.includes("out of memory"))).toHaveLength(1);
    expect(events.reconnectedCount).toBe(0);
  });

  test("on a server that cannot write to its disk refuses appends, and recovers by itself", async () => {
    const server = await bed.startServer({ directives: { "enable-protected-configs": "yes" } });
    const { store } = await bed.open(server.url);
    await append(store, ["1"]);
    await server.command("CONFIG", "SET", "save", "3600 1");
    await rm(server.folder, { recursive: true });
    await server.command("BGSAVE");
    await server.untilInfo("persistence", "rdb_last_bgsave_status:err");
    await expect(append(store, ["2"])).rejects.toEqual(unavailable("cannot write to its disk"));
    expect(await bodiesOf(store)).toEqual(["1"]);
    await mkdir(server.folder);
    await server.command("CONFIG", "SET", "dir", server.folder);
    await server.command("BGSAVE");
    await server.untilInfo("persistence", "rdb_last_bgsave_status:ok");
    expect(await append(store, ["3"])).toMatchObject({ firstSeq: 2 });
  });

  test("refuses to read past an entry that somebody else has written, and only there", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    await append(store, ["1"]);
    const pieces = "{tachikoma}:pieces:acme/chat:1";
    await server.command("XADD", pieces, "2-0", "version", "9", "data", "canary");
    await server.command("HSET", "{tachikoma}:log:acme/chat:1", "headSeq", "2");
    await append(store, ["3"]);
    await append(store, ["other"], { key: OTHER });
    const read = (afterSeq: number) => store.read({ key: CHAT, afterSeq, maxRecords: 10, maxBytes: 1000 });
    await expect(read(0)).rejects.toEqual(unavailable(`entry 2-0 of ${pieces}: field first is missing`));
    expect((await read(2))!.records.map(({ body }) => body)).toEqual(["3"]);
    expect(await bodiesOf(store, OTHER)).toEqual(["other"]);
    expect(events.lines.join("\n")).toContain('"entry":"2-0"');
    expect(events.lines.join("\n")).not.toContain("canary");

    // Retention gets rid of it, and whoever stood before it is told by the base.
    await append(store, ["4"], { retention: { ...KEEP_ALL, maxRecords: 1 } });
    expect(await bodiesOf(store)).toEqual(["4"]);
    expect((await store.logState(CHAT))!.base.seq).toBe(3);
  });

  test.each([
    ["a gap", ["XDEL", "{tachikoma}:pieces:acme/chat:1", "2-0"], "it holds record 3 in place of 2"],
    ["a lost end", ["XDEL", "{tachikoma}:pieces:acme/chat:1", "3-0"], "record 3 is missing"],
    [
      "a record beyond its head",
      ["XADD", "{tachikoma}:pieces:acme/chat:1", "4-0", ...FOURTH_RECORD],
      "it holds record 4, and the log ends at 3",
    ],
    [
      "an entry beyond its head",
      ["XADD", "{tachikoma}:pieces:acme/chat:1", "9-0", "a", "b"],
      "field first is missing",
    ],
    ["other data in its place", ["HSET", "{tachikoma}:log:acme/chat:1", "baseSeq", "x"], "refused"],
  ])("refuses to read a log with %s", async (_what, damage, message) => {
    const server = await bed.startServer();
    const { store } = await bed.open(server.url);
    for (const body of ["1", "2", "3"]) await append(store, [body]);
    await append(store, ["other"], { key: OTHER });
    await server.command(...damage);
    await expect(readAll(store)).rejects.toEqual(unavailable(message));
    expect(await bodiesOf(store, OTHER)).toEqual(["other"]);
    await store.sweep({ nowMs: NOW_MS + 2e12, idleLogMs: 0, idempotencyMs: 0 });
    expect(await bodiesOf(store, OTHER)).toEqual([]);
  });

  test("takes no more calls than it may, and no more bytes", async () => {
    const server = await bed.startServer();
    const { store } = await bed.open(server.url, { maxQueuedCalls: 3, maxQueuedBytes: 10_000 });
    const outcomes = await Promise.allSettled(["1", "2", "3", "4"].map((body) => append(store, [body])));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    expect((outcomes[3] as PromiseRejectedResult).reason).toEqual(
      unavailable("3 calls wait for the store, the limit is 3"),
    );
    await expect(append(store, ["x".repeat(10_000)])).rejects.toEqual(unavailable("the limit is 10000"));
    expect(await append(store, ["5"])).toMatchObject({ firstSeq: 4 });
  });

  test("that is closed answers what was called before and refuses the rest", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    const appends = Array.from({ length: 100 }, (_, index) => append(store, [`${index}`]));
    const closed = store.close();
    await expect(append(store, ["late"])).rejects.toEqual(unavailable("is closed"));
    await closed;
    expect((await Promise.all(appends)).map(({ lastSeq }) => lastSeq)).toEqual(
      appends.map((_, index) => index + 1),
    );
    await store.close();
    await expect(store.follow(CHAT)).rejects.toEqual(unavailable("has no connection"));
    expect(events.lines).toEqual([]);
  });

  test("that is closed during an outage does not come back", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    await server.kill();
    await events.until("loss", () => events.lines.some((line) => line.includes("was lost")));
    await store.close();
    await server.restart();
    await expect(store.ping()).rejects.toEqual(unavailable("is closed"));
    expect(await server.command("CLIENT", "LIST")).not.toContain("name=tachikoma");
  });
});
