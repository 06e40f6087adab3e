/** A log that lost its end must not give the numbers of what is lost again in the same epoch, whatever happened to the server. */
import type { TachikomaError } from "@tachikoma/protocol";
import { expect, test } from "vitest";
import { append, CHAT, KEEP_ALL, message, NOW_MS, readAll } from "../contract/contract-fixture.ts";
import type { LogKey, Store, StoredSession } from "../store.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { fastClock } from "./testing/fast-clock.ts";
import type { RedisServer } from "./testing/redis-server.ts";
import { type OpenedStore, redisTestBed } from "./testing/redis-test-bed.ts";
import type { TcpForwarder } from "./testing/tcp-forwarder.ts";

const QUIET: LogKey = { tenant: "acme", channel: "quiet" };
const SESSION: StoredSession = {
  tenant: "acme",
  sessionId: "s1",
  subject: "ada",
  clientId: "phone",
  createdAtMs: NOW_MS,
  expiresAtMs: NOW_MS + 60_000,
  positions: {},
  holder: 1,
  nodeId: "node-a",
  revision: 1,
};
const ROSTER = { tenant: "acme", kind: "presence", name: "chat:1" } as const;

describeWithRedis("a redis store whose server is not the one that it was", () => {
  const bed = redisTestBed();

  interface Pair extends OpenedStore {
    readonly master: RedisServer;
    readonly replica: RedisServer;
    /** Between master and replica. */
    readonly replication: TcpForwarder;
    /** Between store and master, or whoever takes its place. */
    readonly line: TcpForwarder;
  }

  async function startPair(): Promise<Pair> {
    const master = await bed.startServer();
    const replication = await bed.startForwarder(master.port);
    const replica = await bed.startServer({ replicaOfPort: replication.port });
    await master.command("WAIT", "1", "10000");
    await master.untilInfo("replication", "state=online");
    const line = await bed.startForwarder(master.port);
    return { master, replica, replication, line, ...(await bed.open(master.urlFor(undefined, line.port))) };
  }

  /** The master dies, and the replica takes its place. */
  async function failOver({ master, replica, line, events }: Pair): Promise<void> {
    await master.kill();
    await replica.promote();
    line.cut(replica.port);
    await events.until("new connection", () => events.reconnectedCount > 0);
  }

  const appendMany = async (store: Store, count: number, key = CHAT) =>
    Promise.all(Array.from({ length: count }, (_, index) => append(store, [`${index}`], { key })));

  async function leaseToken(store: Store, name: string): Promise<number> {
    return (await store.acquireLease(name, "a", 1000, NOW_MS, "{}"))!.token;
  }

  const enroll = (store: Store, id: string) =>
    store.enroll({ roster: ROSTER, entry: { id, lease: "node:a", value: "{}" }, nowMs: NOW_MS });

  test("gives no number twice in an epoch after a replica without the end was promoted", async () => {
    const pair = await startPair();
    const { master, replica, replication, store } = pair;
    await append(store, ["1"], { key: QUIET });
    const known = await appendMany(store, 20);
    const tokens = [await leaseToken(store, "execution:1"), await leaseToken(store, "node:a")];
    const versions = [await enroll(store, "s1")];
    expect(await master.command("WAIT", "1", "10000")).toBe(1);
    replication.swallow();
    const lost = await appendMany(store, 20);
    tokens.push(await leaseToken(store, "execution:2"), await leaseToken(store, "execution:3"));
    versions.push(await enroll(store, "s2"), await enroll(store, "s3"));

    await failOver(pair);
    const renewed = await appendMany(store, 40);
    expect(renewed[0]).toMatchObject({ firstSeq: 21 });
    expect(renewed[0]!.epoch).not.toBe(known[0]!.epoch);
    const places = [...known, ...lost, ...renewed].map(({ epoch, lastSeq }) => `${epoch}.${lastSeq}`);
    expect(new Set(places).size).toBe(places.length);
    expect((await readAll(store)).map(({ tag }) => tag)).toEqual(
      [...known, ...renewed].map(({ tag }) => tag),
    );
    expect(await replica.command("XLEN", "{tachikoma}:pieces:acme/chat:1")).toBe(60);

    // Whoever read of a log that nobody appends to could have read what is lost too.
    const quiet = (await store.logState(QUIET))!;
    expect(quiet.head).toEqual({ epoch: quiet.base.epoch, seq: 1, tag: expect.any(String) });
    expect(quiet.head.epoch).not.toBe(known[0]!.epoch);

    tokens.push(await leaseToken(store, "execution:2"), await leaseToken(store, "execution:4"));
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
    const { version } = await store.readRoster(ROSTER, NOW_MS);
    versions.push(version, await enroll(store, "s4"), await enroll(store, "s5"));
    expect(versions).toEqual([...new Set(versions)].sort((a, b) => a! - b!));
    expect(await append(store, ["x"], { fence: { lease: "execution:1", token: tokens[0]! } })).toMatchObject({
      firstSeq: 61,
    });
  });

  test("keeps idempotency keys and numbered writes across the change, under the new epoch", async () => {
    const pair = await startPair();
    const { master, store } = pair;
    const fence = { lease: "execution:1", token: await leaseToken(store, "execution:1"), write: 1 };
    const first = await append(store, ["1"], { idempotencyKey: "k" });
    const second = await append(store, ["2"], { fence });
    expect(await master.command("WAIT", "1", "10000")).toBe(1);
    await failOver(pair);
    const again = await append(store, ["1"], { idempotencyKey: "k" });
    const { epoch } = (await store.logState(CHAT))!.head;
    expect(epoch).not.toBe(first.epoch);
    expect(again).toEqual({ ...first, epoch, isDuplicate: true });
    expect(await append(store, ["2"], { fence })).toEqual({ ...second, epoch, isDuplicate: true });
  });

  test("leaves a lease from before the change to expire, so that what is missing is looked for", async () => {
    const server = await bed.startServer({ persistence: "always" });
    const { store, events } = await bed.open(server.url);
    const token = await leaseToken(store, "execution:1");
    await server.restart();
    await events.until("new connection", () => events.reconnectedCount === 1);
    await store.releaseLease("execution:1", token);
    expect(await store.renewLease("execution:1", token, 1000, NOW_MS)).toBe(true);
    expect(await store.expiredLeases("", NOW_MS + 2000, 10)).toHaveLength(1);
    const next = (await store.acquireLease("execution:1", "b", 1000, NOW_MS + 2000, "{}"))!;
    await store.releaseLease("execution:1", next.token);
    expect(await store.findLease("execution:1")).toBeUndefined();
  });

  test("takes a session under a number beyond those of takings that are lost: who had it by one of them has it no more", async () => {
    const pair = await startPair();
    const { master, replication, store } = pair;
    await store.saveSession(SESSION);
    expect(await master.command("WAIT", "1", "10000")).toBe(1);
    replication.swallow();
    const lost = (await store.claimSession("acme", "s1", "node-b"))!.session;
    await failOver(pair);
    const next = (await store.claimSession("acme", "s1", "node-c"))!;
    expect(next).toMatchObject({ previousHolder: SESSION.holder, previousNodeId: "node-a" });
    expect(next.session.holder).toBeGreaterThan(lost.holder);
    expect(await store.saveSession({ ...lost, revision: 9 })).toBe(false);
    expect(await store.saveSession({ ...next.session, revision: 1 })).toBe(true);
  });

  test("agrees with other nodes on the new epochs", async () => {
    const server = await bed.startServer({ persistence: "always" });
    const nodes = [await bed.open(server.url), await bed.open(server.url)];
    const { epoch } = await append(nodes[0]!.store, ["1"]);
    await server.restart();
    for (const { events } of nodes) await events.until("new connection", () => events.reconnectedCount === 1);
    const states = await Promise.all(nodes.map(({ store }) => store.logState(CHAT)));
    expect(states[0]).toEqual(states[1]);
    expect(states[0]!.head).toMatchObject({ seq: 1 });
    expect(states[0]!.head.epoch).not.toBe(epoch);
    // A third one finds the server as the others have left it.
    expect(await (await bed.open(server.url)).store.logState(CHAT)).toEqual(states[0]);
  });

  test("gives a log another epoch and a lease a greater token after the server has lost everything", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    const before = await append(store, ["1"]);
    const token = await leaseToken(store, "execution:1");
    await server.restart();
    await events.until("new connection", () => events.reconnectedCount === 1);
    const after = await append(store, ["2"]);
    expect(after).toMatchObject({ firstSeq: 1 });
    expect(after.epoch).not.toBe(before.epoch);
    expect(await leaseToken(store, "execution:1")).toBeGreaterThan(token);
  });

  test("checks the server again when its keys have been removed behind its back", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    const before = await append(store, ["1"]);
    const token = await leaseToken(store, "execution:1");
    await server.command("FLUSHALL");
    await expect(append(store, ["2"])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await events.until("new connection", () => events.reconnectedCount === 1);
    const after = await append(store, ["3"]);
    expect(after).toMatchObject({ firstSeq: 1 });
    expect(after.epoch).not.toBe(before.epoch);
    expect(await leaseToken(store, "execution:1")).toBeGreaterThan(token);
  });

  test("leaves a server that has become a replica, at the first write or soon without one", async () => {
    const server = await bed.startServer();
    const other = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    const idle = await bed.open(server.url, { clock: fastClock(5) });
    const before = await append(store, ["1"]);
    await server.command("REPLICAOF", "127.0.0.1", String(other.port));
    await server.untilInfo("replication", "master_link_status:up");
    await expect(append(store, ["2"])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await idle.events.until("loss", () =>
      idle.events.lines.some((line) => line.includes("has had another role")),
    );
    await expect(append(store, ["3"])).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await server.promote();
    for (const { reconnectedCount, until } of [events, idle.events].map((one) => ({
      reconnectedCount: () => one.reconnectedCount,
      until: one.until.bind(one),
    })))
      await until("new connection", () => reconnectedCount() > 0);
    expect((await append(store, ["4"])).epoch).not.toBe(before.epoch);
    expect(events.lines.join("\n")).toContain("is a replica");
  });

  test("is not taken in by a server that was a replica of one without the end, and is the same master again", async () => {
    const { master, replica, replication, store } = await startPair();
    const known = await appendMany(store, 20);
    expect(await master.command("WAIT", "1", "10000")).toBe(1);
    replication.swallow();
    const lost = await appendMany(store, 20);
    await replica.promote();
    await master.command("REPLICAOF", "127.0.0.1", String(replica.port));
    await master.untilInfo("replication", "master_link_status:up");
    await master.promote();

    const { store: other } = await bed.open(master.url);
    const renewed = await appendMany(other, 1);
    expect(renewed[0]).toMatchObject({ firstSeq: 21 });
    expect(known[0]!.epoch).toBe(lost[0]!.epoch);
    expect(renewed[0]!.epoch).not.toBe(known[0]!.epoch);
    // The connection that was there all the time is refused, unless it has been replaced by now.
    const epochs = await append(store, ["x"]).then(
      ({ epoch }) => [epoch],
      (error: TachikomaError) => {
        expect(error.code).toBe("STORE_UNAVAILABLE");
        return [];
      },
    );
    expect([renewed[0]!.epoch]).toEqual(expect.arrayContaining(epochs));
  });

  test("does not take a first replica for another server", async () => {
    const server = await bed.startServer();
    const { store, events } = await bed.open(server.url);
    const { epoch } = await append(store, ["1"]);
    const replica = await bed.startServer({ replicaOfPort: server.port });
    await server.untilInfo("replication", "state=online");
    const again = await bed.open(server.url);
    expect((await again.store.logState(CHAT))!.head.epoch).toBe(epoch);
    expect(await append(store, ["2"])).toMatchObject({ epoch, firstSeq: 2 });
    expect(events.reconnectedCount).toBe(0);
    expect(replica.isRunning).toBe(true);
  });

  test("of a trimmed log keeps the ends and changes only the epoch", async () => {
    const server = await bed.startServer({ persistence: "always" });
    const { store, events } = await bed.open(server.url);
    for (let count = 0; count < 9; count++) {
      await store.append({
        key: CHAT,
        records: [message("1")],
        nowMs: NOW_MS,
        retention: { ...KEEP_ALL, maxRecords: 3 },
      });
    }
    const before = (await store.logState(CHAT))!;
    await server.restart();
    await events.until("new connection", () => events.reconnectedCount === 1);
    const after = (await store.logState(CHAT))!;
    const { epoch } = after.head;
    expect(after).toEqual({ base: { ...before.base, epoch }, head: { ...before.head, epoch } });
    expect(epoch).not.toBe(before.head.epoch);
  });
});
