/** Two nodes on one memory, and the clients that go from one to the other. */
import { parsePosition } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { ExecutionContext } from "../../executions/handler.ts";
import { MemoryLog } from "../../stores/memory/memory-log.ts";
import { memoryLogId, SharedMemory } from "../../stores/memory/memory-store.ts";
import type { Store } from "../../stores/store.ts";
import { DEFAULT_NAMESPACE } from "../namespace.ts";
import { type ConnectedClient, CoreFixture, type CoreFixtureOptions } from "../testing/core-fixture.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { HEAD_CHECK_INTERVAL_MS } from "./log-follower.ts";

const CHAT = "chat:1";
const KEY = { tenant: "default", channel: CHAT };

interface Nodes {
  readonly clock: FakeClock;
  readonly memory: SharedMemory;
  readonly a: CoreFixture;
  readonly b: CoreFixture;
}

async function twoNodes(
  options: Omit<CoreFixtureOptions, "store" | "clock"> & { readonly wrapB?: (store: Store) => Store } = {},
): Promise<Nodes> {
  const { wrapB = (store: Store) => store, ...rest } = options;
  const clock = new FakeClock();
  const memory = new SharedMemory(seededRandom(99));
  const a = new CoreFixture({ ...rest, store: memory.open(), clock, seed: 1 });
  const b = new CoreFixture({ ...rest, store: wrapB(memory.open()), clock, seed: 2 });
  await Promise.all([a.server.open(), b.server.open()]);
  return { clock, memory, a, b };
}

async function subscribed(node: CoreFixture, clientId: string, channel = CHAT): Promise<ConnectedClient> {
  const client = await node.connect(clientId);
  client.send({ type: "subscribe", id: "s", channel });
  await node.clock.settle();
  expect(client.transport.ofType("subscribed")).toHaveLength(1);
  return client;
}

function textsOf(client: ConnectedClient): unknown[] {
  return client.transport.ofType("message").map(({ data }) => data);
}

function seqsOf(client: ConnectedClient): number[] {
  return client.transport.ofType("message").map(({ position }) => parsePosition(position as string)!.seq);
}

/** Delivers no hints: what a dead wake-up connection looks like. */
function deaf(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === "listen") return () => {};
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("records", () => {
  test("published on one node reach those who follow on another, once and in order", async () => {
    const { a, b, clock } = await twoNodes();
    const there = await subscribed(b, "bob");
    const here = await subscribed(a, "alice");
    for (let index = 1; index <= 5; index += 1) {
      await a.publish(CHAT, `a${index}`);
      await b.publish(CHAT, `b${index}`);
    }
    await clock.settle();
    const all = [1, 2, 3, 4, 5].flatMap((index) => [`a${index}`, `b${index}`]);
    expect(textsOf(there)).toEqual(all);
    expect(textsOf(here)).toEqual(all);
    expect(seqsOf(there)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("reach a node that hears no hints by its look at the heads", async () => {
    const { a, b, clock } = await twoNodes({ wrapB: deaf });
    const there = await subscribed(b, "bob");
    await a.publish(CHAT, "unheard");
    await clock.settle();
    expect(textsOf(there)).toEqual([]);
    await clock.advance(HEAD_CHECK_INTERVAL_MS);
    expect(textsOf(there)).toEqual(["unheard"]);
  });

  test("appended between the opening of a log and its following are not missed", async () => {
    const gate = Promise.withResolvers<void>();
    const slowFollow = (store: Store): Store =>
      new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (name === "follow")
            return async (...args: Parameters<Store["follow"]>) => {
              if (args[0].channel === CHAT) await gate.promise;
              return target.follow(...args);
            };
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    const { a, b, clock } = await twoNodes({ wrapB: slowFollow });
    const there = await subscribed(b, "bob");
    await a.publish(CHAT, "between");
    expect(textsOf(there)).toEqual([]);
    gate.resolve();
    await clock.settle();
    expect(textsOf(there)).toEqual(["between"]);
  });

  test("far more than a node keeps in memory arrive all the same", async () => {
    const { a, b, clock } = await twoNodes({ wrapB: deaf });
    const there = await subscribed(b, "bob");
    for (let index = 1; index <= 700; index += 1) await a.publish(CHAT, index);
    await clock.advance(HEAD_CHECK_INTERVAL_MS);
    await clock.settle();
    expect(textsOf(there)).toEqual(Array.from({ length: 700 }, (_, index) => index + 1));
  });

  test("RES-4: a session goes on on another node exactly where it was", async () => {
    const { a, b, clock } = await twoNodes();
    const first = await subscribed(a, "alice");
    await a.publish(CHAT, "seen");
    first.send({ type: "ack", positions: { [CHAT]: first.transport.ofType("message")[0]!.position } });
    await clock.settle();
    first.connection.onClosed(1006);
    await b.publish(CHAT, "missed");
    const second = await b.connect("alice", first.connection.session.id);
    await a.publish(CHAT, "live");
    await clock.settle();
    expect(second.transport.messages[0]).toMatchObject({ type: "welcome", resumed: true });
    expect(second.transport.ofType("reset")).toEqual([]);
    expect(textsOf(second)).toEqual(["missed", "live"]);
  });

  test("of a log with another history are not spliced: readers are reset before anything newer", async () => {
    const { a, b, clock, memory } = await twoNodes({ wrapB: deaf });
    const there = await subscribed(b, "bob");
    for (const text of ["1", "2", "3"]) await b.publish(CHAT, text);
    // As if an older copy of the store had been put in its place and had grown on.
    const grown = memory.logs.get(memoryLogId({ tenant: "default", channel: CHAT }))!;
    const { epoch } = grown.state.head;
    const other = new MemoryLog(epoch, 0);
    const retention = { maxRecords: 100, maxBytes: 1e6, maxAgeMs: 1e12 };
    for (const [index, text] of ["1", "x", "y", "z"].entries()) {
      const records = [{ type: "message" as const, body: JSON.stringify(text) }];
      other.append({ key: KEY, records, nowMs: 0, retention }, `other${index}`);
    }
    memory.logs.set(memoryLogId({ tenant: "default", channel: CHAT }), other);
    await clock.advance(HEAD_CHECK_INTERVAL_MS);
    await clock.settle();
    const types = there.transport.messages.map(({ type }) => type);
    expect(types.slice(-5)).toEqual(["reset", "message", "message", "message", "message"]);
    expect(textsOf(there)).toEqual(["1", "2", "3", "1", "x", "y", "z"]);
    expect(a.server.isReady).toBe(true);
  });
});

describe("a session that another node takes", () => {
  test("RES-10: the connection that had it is closed with 4409", async () => {
    const { a, b, clock } = await twoNodes();
    const older = await subscribed(a, "alice");
    const newer = await b.connect("alice", older.connection.session.id);
    await clock.settle();
    expect(older.transport.closed?.code).toBe(4409);
    expect(newer.connection.isClosed).toBe(false);
    expect(newer.transport.messages[0]).toMatchObject({ type: "welcome", resumed: true });
  });

  test("keeps what the new holder writes, whatever the old one still has under way", async () => {
    const { a, b, clock } = await twoNodes({ wrapB: (store) => store });
    const older = await subscribed(a, "alice");
    const sessionId = older.connection.session.id;
    const newer = await b.connect("alice", sessionId);
    newer.send({ type: "subscribe", id: "s2", channel: "chat:2" });
    older.send({ type: "subscribe", id: "s3", channel: "chat:3" });
    await clock.settle();
    older.connection.onClosed(1006);
    newer.connection.onClosed(1006);
    await clock.settle();
    const third = await a.connect("alice", sessionId);
    const { subscriptions } = third.transport.messages[0] as unknown as {
      subscriptions: { channel: string }[];
    };
    const channels = subscriptions.map(({ channel }) => channel).filter((name) => !name.startsWith("~"));
    expect(channels).toEqual([CHAT, "chat:2"]);
  });

  test("comes back to a node that still believes to have it", async () => {
    const { a, b, clock } = await twoNodes();
    const first = await subscribed(a, "alice");
    const sessionId = first.connection.session.id;
    // The first node hears of nothing yet: its connection looks alive.
    const second = await b.connect("alice", sessionId);
    second.send({ type: "subscribe", id: "s2", channel: "chat:2" });
    await clock.settle();
    const third = await a.connect("alice", sessionId);
    await clock.settle();
    expect(second.transport.closed?.code).toBe(4409);
    expect(JSON.stringify(third.transport.messages[0])).toContain('"chat:2"');
  });

  test("that another node had is not closed while it comes back, by the letter that tells of it", async () => {
    const gate = Promise.withResolvers<void>();
    const slowAndDeaf = (store: Store): Store =>
      new Proxy(deaf(store), {
        get(target, name) {
          if (name !== "claimSession") return Reflect.get(target, name);
          return (...args: Parameters<Store["claimSession"]>) =>
            gate.promise.then(() => target.claimSession(...args));
        },
      });
    const { a, b, clock } = await twoNodes({ wrapB: slowAndDeaf });
    const first = await subscribed(b, "alice");
    const sessionId = first.connection.session.id;
    await a.connect("alice", sessionId);
    const third = await b.connect("alice", sessionId);
    // The letter says that the session was taken; from the first connection, not from the third.
    await clock.advance(HEAD_CHECK_INTERVAL_MS);
    expect(third.transport.closed).toBeUndefined();
    gate.resolve();
    await clock.settle();
    expect(third.transport.messages[0]).toMatchObject({ type: "welcome", resumed: true });
    expect(third.transport.closed).toBeUndefined();
  });
});

describe("an execution of another node", () => {
  const waiting = {
    model: async function* ({ signal, inputs }: ExecutionContext) {
      yield "begin ";
      const taken = inputs[Symbol.asyncIterator]();
      const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      while (!signal.aborted) {
        const next = await Promise.race([taken.next(), aborted]);
        if (next !== undefined && next.done !== true) yield `[${JSON.stringify(next.value)}]`;
      }
    },
  };

  async function running(nodes: Nodes): Promise<{ owner: ConnectedClient; executionId: string }> {
    const owner = await nodes.a.connect("alice");
    owner.send({ type: "execute", id: "e1", handler: "model", channel: CHAT, input: {} });
    await nodes.clock.settle();
    const [receipt] = owner.transport.ofType("receipt");
    expect(receipt).toMatchObject({ status: "accepted" });
    return { owner, executionId: receipt!["execution_id"] as string };
  }

  test("is seen and cancelled from anywhere, with both receipts", async () => {
    const nodes = await twoNodes({ handlers: waiting });
    const { executionId } = await running(nodes);
    const other = await subscribed(nodes.b, "bob");
    other.send({ type: "cancel", id: "c1", execution_id: executionId });
    await nodes.clock.settle();
    const receipts = other.transport.ofType("receipt").map(({ ref, status }) => [ref, status]);
    expect(receipts).toEqual([
      ["c1", "accepted"],
      ["c1", "applied"],
    ]);
    expect(other.transport.ofType("execution_cancelled")).toMatchObject([
      { execution_id: executionId, sender: "bob", reason: "requested" },
    ]);
  });

  test("takes inputs from anywhere, each once however often it is sent", async () => {
    const nodes = await twoNodes({ handlers: waiting });
    const { owner, executionId } = await running(nodes);
    const other = await nodes.b.connect("bob");
    const input = { type: "input", id: "i1", execution_id: executionId, data: "left" };
    other.send(input);
    await nodes.clock.settle();
    other.send(input);
    await nodes.clock.settle();
    const chunks = owner.transport.ofType("chunk").map(({ chunk }) => (chunk as { delta?: string }).delta);
    expect(chunks.filter((delta) => delta?.includes("left"))).toEqual(['["left"]']);
    expect(other.transport.ofType("receipt").map(({ status }) => status)).toEqual([
      "accepted",
      "applied",
      "applied",
    ]);
  });

  test("answers the client that has come to its node, though an older letter of the other one is read later", async () => {
    const gate = Promise.withResolvers<void>();
    const patient = {
      model: async function* ({ inputs }: ExecutionContext) {
        yield "begin ";
        await gate.promise;
        for await (const input of inputs) yield JSON.stringify(input);
      },
    };
    const nodes = await twoNodes({ handlers: patient, wrapB: deaf });
    const { executionId } = await running({ ...nodes, a: nodes.b });
    const input = { type: "input", id: "i1", execution_id: executionId, data: "left" };
    const before = await nodes.a.connect("bob");
    before.send(input);
    await nodes.clock.settle();
    before.connection.onClosed(1006);
    const after = await nodes.b.connect("bob", before.connection.session.id);
    after.send(input);
    await nodes.clock.advance(HEAD_CHECK_INTERVAL_MS);
    gate.resolve();
    await nodes.clock.settle();
    expect(after.transport.ofType("receipt").map(({ status }) => status)).toEqual(["accepted", "applied"]);
  });

  test("is not cancelled by whoever may not", async () => {
    const chat = {
      ...DEFAULT_NAMESPACE,
      canExecute: ({ identity }: { identity: { clientId: string } }) => identity.clientId === "alice",
    };
    const nodes = await twoNodes({ handlers: waiting, namespaces: { chat } });
    const { executionId } = await running(nodes);
    const other = await nodes.b.connect("mallory");
    other.send({ type: "cancel", id: "c1", execution_id: executionId });
    await nodes.clock.settle();
    expect(other.transport.ofType("error")).toMatchObject([{ ref: "c1", code: "FORBIDDEN" }]);
    expect(nodes.a.server.executions.runningCount).toBe(1);
  });

  test("that was asked for again elsewhere is the same one, and still runs", async () => {
    const nodes = await twoNodes({ handlers: waiting });
    const { executionId } = await running(nodes);
    const again = await nodes.b.connect("alice");
    again.send({ type: "execute", id: "e1", handler: "model", channel: CHAT, input: {} });
    await nodes.clock.settle();
    expect(again.transport.ofType("receipt")).toMatchObject([
      { ref: "e1", status: "accepted", execution_id: executionId },
    ]);
    expect(nodes.a.server.executions.runningCount).toBe(1);
    expect(nodes.b.server.executions.runningCount).toBe(0);
  });

  test("whose node died is ended by another, and a command that waited for it is settled", async () => {
    const isCut = { now: false };
    const cuttable = (store: Store): Store =>
      new Proxy(store, {
        get(target, name) {
          const value = Reflect.get(target, name);
          if (typeof value !== "function") return value;
          return (...args: unknown[]) => (isCut.now ? new Promise(() => {}) : value.apply(target, args));
        },
      });
    const nodes = await twoNodes({ handlers: waiting, wrapB: cuttable });
    // Here the second node is the owner: it is the one that can be cut off.
    const owner = await nodes.b.connect("alice");
    owner.send({ type: "execute", id: "e1", handler: "model", channel: CHAT, input: {} });
    await nodes.clock.settle();
    const executionId = owner.transport.ofType("receipt")[0]!["execution_id"];
    const other = await subscribed(nodes.a, "bob");
    isCut.now = true;
    other.send({ type: "cancel", id: "c1", execution_id: executionId });
    await nodes.clock.settle();
    expect(other.transport.ofType("receipt")).toEqual([]);
    for (let second = 0; second < 25; second += 1) await nodes.clock.advance(1_000);
    expect(other.transport.ofType("execution_interrupted")).toMatchObject([
      { execution_id: executionId, reason: "owner_lost" },
    ]);
    expect(other.transport.ofType("receipt")).toHaveLength(1);
    expect(other.transport.ofType("receipt")[0]!["status"]).not.toBe("accepted");
  });

  /** As after a failover: the log goes on under another epoch, with so many of its records. */
  function failOver({ memory, clock }: Nodes, keptCount: number): void {
    const nowMs = clock.nowMs();
    const id = memoryLogId({ tenant: "default", channel: CHAT });
    const before = memory.logs.get(id)!.read({ key: KEY, afterSeq: 0, maxRecords: 1e6, maxBytes: 1e9 });
    const after = new MemoryLog("after", nowMs);
    const retention = { maxRecords: 1_000, maxBytes: 1e6, maxAgeMs: 1e12 };
    for (const record of before.records.slice(0, keptCount)) {
      const isStart = record.type === "execution_started";
      const idempotencyKey = isStart ? { idempotencyKey: `start:${record.executionId}` } : {};
      after.append({ key: KEY, records: [record], nowMs, retention, ...idempotencyKey }, record.tag);
    }
    memory.logs.set(id, after);
  }

  /** Yields what it is given, and ends. */
  const told = {
    model: async function* ({ inputs }: ExecutionContext) {
      yield "begin ";
      for await (const input of inputs) {
        if (input === "end") return;
        yield String(input);
      }
    },
  };

  test.each([
    ["goes on when nothing of it was lost", 99, "execution_completed"],
    [
      "fails when a part of the answer was lost, before more of it is taken for a whole",
      2,
      "execution_failed",
    ],
    ["fails under a start of its own when all of it was lost", 0, "execution_failed"],
  ])("after a failover %s", async (_, keptCount, outcome) => {
    const nodes = await twoNodes({ handlers: told });
    const { owner, executionId } = await running(nodes);
    failOver(nodes, keptCount);
    for (const [id, data] of [
      ["i1", "more"],
      ["i2", "end"],
    ]) {
      owner.send({ type: "input", id, execution_id: executionId, data });
      await nodes.clock.settle();
    }
    const late = await nodes.b.connect("bob");
    late.send({ type: "subscribe", id: "s", channel: CHAT, since: "start" });
    await nodes.clock.settle();
    const types = late.transport.messages.map(({ type }) => String(type));
    expect(types.filter((type) => type.startsWith("execution_"))).toEqual(
      expect.arrayContaining(["execution_started", outcome]),
    );
    expect(types.filter((type) => /^execution_(?!started)/.test(type))).toEqual([outcome]);
    expect(nodes.a.server.executions.runningCount).toBe(0);
  });

  test("that only waited for its end when a part was lost is not completed", async () => {
    const nodes = await twoNodes({ handlers: told });
    const { owner, executionId } = await running(nodes);
    failOver(nodes, 2);
    owner.send({ type: "input", id: "i1", execution_id: executionId, data: "end" });
    await nodes.clock.settle();
    const late = await nodes.b.connect("bob");
    late.send({ type: "subscribe", id: "s", channel: CHAT, since: "start" });
    await nodes.clock.settle();
    expect(late.transport.ofType("execution_completed")).toEqual([]);
    expect(late.transport.ofType("execution_failed")).toMatchObject([
      { error: { code: "STORE_UNAVAILABLE", message: "The store has lost a part of the answer" } },
    ]);
  });

  test("can be cancelled although a letter before the command cannot be read", async () => {
    const nodes = await twoNodes({ handlers: waiting });
    const { executionId } = await running(nodes);
    const mail = { tenant: "~", channel: `~node:${nodes.a.server.nodeId}` };
    const records = ["no letter", '{"kind":"of tomorrow"}', "null"].map((body) => ({
      type: "message" as const,
      body,
    }));
    const retention = { maxRecords: 100, maxBytes: 1e6, maxAgeMs: 1e12 };
    await nodes.b.store.append({ key: mail, records, nowMs: 0, retention });
    const other = await nodes.b.connect("bob");
    other.send({ type: "cancel", id: "c1", execution_id: executionId });
    await nodes.clock.settle();
    expect(other.transport.ofType("receipt").map(({ status }) => status)).toEqual(["accepted", "applied"]);
  });

  test("whose lease the store has lost is ended by its owner", async () => {
    const nodes = await twoNodes({ handlers: waiting });
    const { owner, executionId } = await running(nodes);
    const name = `execution:${JSON.stringify(["default", executionId])}`;
    nodes.memory.leases.release(name, nodes.memory.leases.find(name)!.token);
    for (let second = 0; second < 6; second += 1) await nodes.clock.advance(1_000);
    const other = await nodes.b.connect("bob");
    other.send({ type: "subscribe", id: "s", channel: CHAT, since: "start" });
    await nodes.clock.settle();
    expect(other.transport.ofType("execution_interrupted")).toMatchObject([{ execution_id: executionId }]);
    expect(owner.transport.ofType("execution_interrupted")).toHaveLength(1);
    expect(nodes.memory.leases.find(name)).toBeUndefined();
  });
});
