/** Executions that lose their owner and are run anew, on two nodes that share a memory and by the next process of a store of its own. */
import { TachikomaError } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import type { ExecutionContext } from "../../executions/handler.ts";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import type { LogRecord, Store } from "../../stores/store.ts";
import { ClusterFixture, type ClusterFixtureOptions } from "../testing/cluster-fixture.ts";
import { type ConnectedClient, CoreFixture } from "../testing/core-fixture.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { decodeLeaseBody, MAX_RUN_BYTES } from "./lease-body.ts";
import { MAX_RESTART_AGE_MS } from "./takeover-decision.ts";

const CHAT = "chat:1";
const KEY = { tenant: "default", channel: CHAT };
/** A lease, the look after which it is found, and another look. */
const TAKEOVER_SECS = 26;

const FEW = {
  maxRunning: 100,
  maxPerChannel: 4,
  maxPerSession: 8,
  maxWaitingInputs: 2,
  maxCollectMs: 60,
  maxDurationMs: 600_000,
};

type Model = (context: ExecutionContext) => AsyncGenerator<string>;

/** Says which attempt it is and what it was given, then does what it is told by its inputs. */
const model: Model = async function* ({ attempt, input, identity, inputs, signal }) {
  yield `${attempt} ${JSON.stringify(input)} ${identity.clientId} `;
  const taken = inputs[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) =>
    signal.addEventListener("abort", () => resolve(undefined)),
  );
  while (!signal.aborted) {
    const next = await Promise.race([taken.next(), aborted]);
    if (next === undefined || next.done === true) return;
    if (next.value === "finish") return;
    yield `[${String(next.value)}]`;
  }
};

async function twoNodes(options: Partial<ClusterFixtureOptions> = {}): Promise<ClusterFixture> {
  const cluster = new ClusterFixture({ handlers: { model }, handlersToRestart: ["model"], ...options });
  await cluster.open();
  return cluster;
}

/** A store some of whose calls a test holds back or refuses. `meddle` says with which promise a call waits first, if any. */
function meddled(
  real: Store,
  meddle: (name: string, args: readonly unknown[]) => Promise<void> | undefined,
): Store {
  return new Proxy(real, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        const first = meddle(String(name), args);
        if (first === undefined) return Reflect.apply(member, target, args) as unknown;
        return first.then(() => Reflect.apply(member, target, args) as unknown);
      };
    },
  });
}

async function execute(
  node: CoreFixture,
  fields: Record<string, unknown> = {},
): Promise<{ client: ConnectedClient; executionId: string }> {
  const client = await node.connect("alice");
  client.send({ type: "execute", id: "e1", handler: "model", channel: CHAT, input: { q: 1 }, ...fields });
  await node.clock.settle();
  const [receipt] = client.transport.ofType("receipt");
  expect(receipt).toMatchObject({ status: "accepted" });
  return { client, executionId: String(receipt!["execution_id"]) };
}

async function passSecs({ clock }: { readonly clock: CoreFixture["clock"] }, secs: number): Promise<void> {
  for (let second = 0; second < secs; second += 1) await clock.advance(1_000);
}

async function recordsOf(store: Store, channel = CHAT): Promise<readonly LogRecord[]> {
  const read = await store.read({ key: { ...KEY, channel }, afterSeq: 0, maxRecords: 1_000, maxBytes: 1e6 });
  return read?.records ?? [];
}

/** The log in short: the types of execution records, and the texts of deltas. */
async function storyOf(store: Store, channel = CHAT): Promise<string[]> {
  return (await recordsOf(store, channel)).flatMap(({ type, body }) => {
    if (type !== "chunk") return [type];
    const { delta } = JSON.parse(body) as { readonly delta?: string };
    return delta === undefined ? [] : [delta];
  });
}

function leaseOf({ memory }: ClusterFixture, executionId: string) {
  return memory.leases.find(`execution:${JSON.stringify(["default", executionId])}`);
}

/** What a client may do with an execution that runs somewhere. */
function tell(client: ConnectedClient, executionId: string, id: string, data: unknown): void {
  client.send({ type: "input", id, execution_id: executionId, data });
}

const FIRST = '1 {"q":1} alice ';
const SECOND = '2 {"q":1} alice ';

describe("on a store that nodes share", () => {
  test("EXE-11 another node runs it anew with all that it was given, and the new attempt is the whole answer", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const { executionId } = await execute(a);
    const watcher = await b.connect("bob");
    watcher.send({ type: "subscribe", id: "s", channel: CHAT, since: "start" });
    a.kill();
    await passSecs(cluster, TAKEOVER_SECS);
    tell(watcher, executionId, "i", "finish");
    await cluster.clock.settle();
    expect(await storyOf(b.store)).toEqual([
      "execution_started",
      FIRST,
      "execution_restarted",
      SECOND,
      "execution_completed",
    ]);
    expect(watcher.transport.ofType("execution_restarted")).toMatchObject([
      { channel: CHAT, execution_id: executionId, attempt: 2 },
    ]);
    expect(leaseOf(cluster, executionId)).toBeUndefined();
    expect(b.server.executions.runningCount).toBe(0);
  });

  test("EXE-12 a third owner knows that two attempts were made, and ends it", async () => {
    const cluster = await twoNodes({ nodeCount: 3 });
    const [a, b, c] = [cluster.node(0), cluster.node(1), cluster.node(2)];
    const { executionId } = await execute(a);
    c.pause();
    a.kill();
    await passSecs(cluster, TAKEOVER_SECS);
    expect(b.server.executions.runningCount).toBe(1);
    expect(decodeLeaseBody(leaseOf(cluster, executionId)!.body).run?.attempt).toBe(2);
    b.kill();
    c.resume();
    await passSecs(cluster, TAKEOVER_SECS);
    const records = await recordsOf(c.store);
    expect(records.filter(({ type }) => type === "execution_restarted")).toHaveLength(1);
    expect(records.at(-1)).toMatchObject({ type: "execution_interrupted", executionId });
    expect(JSON.parse(records.at(-1)!.body)).toMatchObject({ reason: "owner_lost" });
    expect(leaseOf(cluster, executionId)).toBeUndefined();
  });

  test("a node that died between taking it and saying so has not used the attempt", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const { executionId } = await execute(a);
    a.kill();
    const { name, body } = leaseOf(cluster, executionId)!;
    const lost = decodeLeaseBody(body);
    const taken = JSON.stringify({ ...lost, run: { ...lost.run, attempt: 2 } });
    const atMs = cluster.clock.nowMs();
    cluster.memory.leases.acquire(name, "died-at-once", 15_000, atMs + 15_000, taken);
    await passSecs(cluster, 2 * TAKEOVER_SECS);
    expect(await storyOf(b.store)).toEqual(["execution_started", FIRST, "execution_restarted", SECOND]);
  });

  test("EXE-11 an owner that was paused writes nothing into the new attempt", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const { client, executionId } = await execute(a);
    tell(client, executionId, "i1", "of the first");
    a.pause();
    await passSecs(cluster, TAKEOVER_SECS);
    expect(b.server.executions.runningCount).toBe(1);
    a.resume();
    await passSecs(cluster, 10);
    const watcher = await b.connect("bob");
    tell(watcher, executionId, "i2", "of the second");
    await cluster.clock.settle();
    tell(watcher, executionId, "i3", "finish");
    await cluster.clock.settle();
    const story = await storyOf(b.store);
    expect(story.slice(story.indexOf("execution_restarted"))).toEqual([
      "execution_restarted",
      SECOND,
      "[of the second]",
      "execution_completed",
    ]);
    expect(a.server.executions.runningCount).toBe(0);
  });

  test("EXE-13 a command that waited for the lost owner reaches the new one", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const { executionId } = await execute(a);
    const other = await b.connect("bob");
    a.kill();
    other.send({ type: "cancel", id: "c", execution_id: executionId });
    await passSecs(cluster, TAKEOVER_SECS);
    expect(other.transport.ofType("receipt").map(({ status }) => status)).toEqual(["accepted", "applied"]);
    expect((await storyOf(b.store)).at(-1)).toBe("execution_cancelled");
  });

  test("who asks for it again, sooner than anyone looks, has it run anew here", async () => {
    const cluster = await twoNodes({ nodeCount: 1 });
    const a = cluster.node(0);
    const { executionId } = await execute(a);
    a.kill();
    await passSecs(cluster, 14);
    const b = cluster.addNode();
    await b.server.open();
    // The lease has run out, and the node looks for the first time four seconds later.
    await passSecs(cluster, 1);
    expect(leaseOf(cluster, executionId)!.expiresAtMs).toBeLessThanOrEqual(cluster.clock.nowMs());
    const again = await execute(b);
    expect(again.executionId).toBe(executionId);
    expect(await storyOf(b.store)).toEqual(["execution_started", FIRST, "execution_restarted", SECOND]);
    expect(b.server.executions.runningCount).toBe(1);
  });

  test("a node that cannot run it leaves it to one that can", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const full = new CoreFixture({
      handlers: { model },
      limits: { executions: { ...FEW, maxRunning: 0 } },
      store: cluster.memory.open(),
      clock: cluster.clock,
      seed: 77,
    });
    const stranger = new CoreFixture({ store: cluster.memory.open(), clock: cluster.clock, seed: 78 });
    await Promise.all([full.server.open(), stranger.server.open()]);
    await execute(a);
    b.pause();
    a.kill();
    await passSecs(cluster, 21);
    b.resume();
    await passSecs(cluster, 5);
    expect(await storyOf(b.store)).toEqual(["execution_started", FIRST, "execution_restarted", SECOND]);
    expect(b.server.executions.runningCount).toBe(1);
  });

  test("and when there is none it ends, a lease later", async () => {
    const cluster = await twoNodes();
    const a = cluster.node(0);
    const stranger = new CoreFixture({ store: cluster.memory.open(), clock: cluster.clock, seed: 78 });
    await stranger.server.open();
    const { executionId } = await execute(a);
    a.kill();
    cluster.node(1).kill();
    await passSecs(cluster, TAKEOVER_SECS);
    expect(leaseOf(cluster, executionId)).toBeDefined();
    await passSecs(cluster, 15);
    expect(await storyOf(stranger.store)).toEqual(["execution_started", FIRST, "execution_interrupted"]);
  });

  test("more that must wait for others than are read at a time keep nobody from the rest", async () => {
    const cluster = await twoNodes({ handlers: {}, handlersToRestart: [] });
    const { memory, clock } = cluster;
    const expired = (index: number, handlerName: string | undefined) => {
      const executionId = `x${index}`;
      const started = { type: "execution_started", executionId, body: "{}" } as const;
      const run = handlerName && {
        ...{ handlerName, identity: {}, input: null, onUnwatched: "keep", attempt: 1 },
        startedAtMs: clock.nowMs(),
      };
      const body = JSON.stringify({ tenant: "default", channel: CHAT, executionId, started, run });
      const name = `execution:${JSON.stringify(["default", executionId])}`;
      memory.leases.acquire(name, "gone", 1_000 + index, clock.nowMs(), body);
    };
    for (let index = 0; index < 100; index += 1) expired(index, index < 64 ? "unknown" : undefined);
    await passSecs(cluster, 2 * TAKEOVER_SECS);
    const ends = (await recordsOf(cluster.node(0).store)).filter(({ type }) => /interrupted/.test(type));
    expect(new Set(ends.map(({ executionId }) => executionId)).size).toBe(100);
    expect(ends).toHaveLength(100);
  });

  test("a draining node takes nothing on, and what it takes while it begins to drain ends with it", async () => {
    const cluster = await twoNodes({ nodeCount: 1 });
    const a = cluster.node(0);
    const gate = Promise.withResolvers<void>();
    let isWaiting = false;
    const store = meddled(cluster.memory.open(), (name, [lease]) => {
      if (name !== "acquireLease" || !String(lease).startsWith("execution:")) return undefined;
      isWaiting = true;
      return gate.promise;
    });
    const b = new CoreFixture({
      handlers: { model },
      store,
      clock: cluster.clock,
      seed: 77,
    });
    await b.server.open();
    const { executionId } = await execute(a);
    a.kill();
    await passSecs(cluster, TAKEOVER_SECS);
    expect(isWaiting).toBe(true);
    const closing = b.server.close(0, "SERVER_RESTARTING");
    gate.resolve();
    await passSecs(cluster, 10);
    await closing;
    expect(await storyOf(cluster.memory.open())).toEqual([
      "execution_started",
      FIRST,
      "execution_restarted",
      SECOND,
      "execution_interrupted",
    ]);
    expect(leaseOf(cluster, executionId)).toBeUndefined();
  });

  test.each(["its own node", "another"])(
    "EXE-14 one that was cancelled, and whose end could not be stored, is ended by %s",
    async (taker) => {
      const cluster = await twoNodes({ nodeCount: 1 });
      const refused = new Set<string>();
      const store = meddled(cluster.memory.open(), (name) =>
        refused.has(name) ? Promise.reject(new TachikomaError("STORE_UNAVAILABLE")) : undefined,
      );
      const options = { handlers: { model }, handlersToRestart: ["model"], clock: cluster.clock };
      const owner = new CoreFixture({ ...options, store, seed: 77 });
      await owner.server.open();
      const { client, executionId } = await execute(owner);
      refused.add("append").add("renewLease");
      client.send({ type: "cancel", id: "c", execution_id: executionId });
      await passSecs(cluster, 1);
      expect(client.transport.ofType("receipt").at(-1)).toMatchObject({ ref: "c", status: "accepted" });
      if (taker === "another") refused.add("acquireLease");
      else cluster.node(0).kill();
      await passSecs(cluster, 19);
      if (taker !== "another") refused.clear();
      await passSecs(cluster, TAKEOVER_SECS);
      const story = await storyOf(cluster.memory.open());
      expect(story).toEqual(["execution_started", FIRST, "execution_interrupted"]);
      expect(leaseOf(cluster, executionId)).toBeUndefined();
    },
  );

  test("one whose owner had no store for a while is run anew by that same node", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    b.kill();
    await execute(a);
    a.link.cut();
    await passSecs(cluster, 20);
    a.link.heal();
    await passSecs(cluster, TAKEOVER_SECS);
    expect(await storyOf(cluster.memory.open())).toEqual([
      "execution_started",
      FIRST,
      "execution_restarted",
      SECOND,
    ]);
  });

  test("whose lease the store has lost runs anew at its owner", async () => {
    const cluster = await twoNodes();
    const a = cluster.node(0);
    const { executionId } = await execute(a);
    const { name, token } = leaseOf(cluster, executionId)!;
    cluster.memory.leases.release(name, token);
    await passSecs(cluster, 6);
    expect(await storyOf(a.store)).toEqual(["execution_started", FIRST, "execution_restarted", SECOND]);
    expect(a.server.executions.runningCount).toBe(1);
  });

  test("one that had its end stored, and only kept its lease, is over", async () => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    const { client, executionId } = await execute(a);
    const lease = leaseOf(cluster, executionId)!;
    tell(client, executionId, "i", "finish");
    await cluster.clock.settle();
    a.kill();
    cluster.memory.leases.acquire(lease.name, "gone", 15_000, cluster.clock.nowMs(), lease.body);
    await passSecs(cluster, TAKEOVER_SECS);
    expect(await storyOf(b.store)).toEqual(["execution_started", FIRST, "execution_completed"]);
    expect(leaseOf(cluster, executionId)).toBeUndefined();
  });
});

describe("watchers of an execution that is run anew", () => {
  test.each([
    ["come back in time", true, "execution_restarted"],
    ["do not", false, "execution_cancelled"],
  ])("EXE-13 who %s", async (_, comesBack, last) => {
    const cluster = await twoNodes();
    const [a, b] = [cluster.node(0), cluster.node(1)];
    await execute(a, { on_unwatched: "cancel" });
    a.kill();
    await passSecs(cluster, TAKEOVER_SECS);
    expect(b.server.executions.runningCount).toBe(1);
    if (comesBack) {
      const watcher = await b.connect("alice");
      watcher.send({ type: "subscribe", id: "s", channel: CHAT });
      await cluster.clock.settle();
    }
    await passSecs(cluster, 31);
    const story = await storyOf(b.store);
    expect(story.filter((step) => step.startsWith("execution")).at(-1)).toBe(last);
  });
});

describe("what a lease holds", () => {
  test("nothing of the input where the handler does not ask for it, or where it is too large", async () => {
    const cluster = await twoNodes({
      handlers: { model, once: model },
      limits: { executions: { ...FEW, maxPerSession: 10 } },
    });
    const a = cluster.node(0);
    const { client } = await execute(a, { handler: "once", input: "secret" });
    client.send({
      type: "execute",
      id: "e2",
      handler: "model",
      channel: "chat:2",
      input: "x".repeat(MAX_RUN_BYTES),
    });
    await cluster.clock.settle();
    const leases = cluster.memory.leases.expired("execution:", Number.MAX_SAFE_INTEGER, 10);
    expect(leases.map(({ body }) => decodeLeaseBody(body).run)).toEqual([undefined, undefined]);
    expect(leases.map(({ body }) => body).join()).not.toMatch(/secret|xxx/);
    a.kill();
    await passSecs(cluster, TAKEOVER_SECS);
    for (const channel of [CHAT, "chat:2"]) {
      expect((await storyOf(cluster.node(1).store, channel)).at(-1)).toBe("execution_interrupted");
    }
  });
});

describe("on a store of one owner", () => {
  async function nextProcess(store: Store, laterMs = 0): Promise<CoreFixture> {
    const next = new CoreFixture({ store, handlers: { model }, handlersToRestart: ["model"], seed: 2 });
    await next.clock.advance(laterMs);
    await next.server.open();
    await next.clock.settle();
    return next;
  }

  test("the next process runs it anew at once, the one after that ends it", async () => {
    const store = createMemoryStore({ random: seededRandom(1) });
    const first = new CoreFixture({ store, handlers: { model }, handlersToRestart: ["model"] });
    await first.server.open();
    await execute(first);
    const second = await nextProcess(store);
    expect(await storyOf(store)).toEqual(["execution_started", FIRST, "execution_restarted", SECOND]);
    expect(second.server.executions.runningCount).toBe(1);
    const third = await nextProcess(store);
    expect((await storyOf(store)).slice(3)).toEqual([SECOND, "execution_interrupted"]);
    expect(third.server.executions.runningCount).toBe(0);
  });

  test("what was asked for half a day ago is ended", async () => {
    const store = createMemoryStore({ random: seededRandom(1) });
    const first = new CoreFixture({ store, handlers: { model }, handlersToRestart: ["model"] });
    await first.server.open();
    await execute(first);
    await nextProcess(store, MAX_RESTART_AGE_MS + 1_000);
    expect(await storyOf(store)).toEqual(["execution_started", FIRST, "execution_interrupted"]);
  });

  test("all of many run anew, however many are read at a time", async () => {
    const store = createMemoryStore({ random: seededRandom(1) });
    const clock = new CoreFixture({ store }).clock;
    for (let index = 0; index < 80; index += 1) {
      const executionId = `x${index}`;
      const started = { type: "execution_started", executionId, body: "{}" } as const;
      const run = { handlerName: "model", identity: {}, input: null, onUnwatched: "keep", attempt: 1 };
      const channel = `execution:${executionId}`;
      const body = { tenant: "default", channel, executionId, started };
      const text = JSON.stringify({ ...body, run: { ...run, startedAtMs: clock.nowMs() } });
      const name = `execution:${JSON.stringify(["default", executionId])}`;
      await store.acquireLease(name, "gone", 10_000 + 50 * index, clock.nowMs(), text);
    }
    const next = await nextProcess(store);
    expect(next.server.executions.runningCount).toBe(80);
  });

  test("a process that does not know the handler ends it at once", async () => {
    const store = createMemoryStore({ random: seededRandom(1) });
    const first = new CoreFixture({ store, handlers: { model }, handlersToRestart: ["model"] });
    await first.server.open();
    await execute(first);
    const next = new CoreFixture({ store, seed: 2 });
    await next.server.open();
    expect(await storyOf(store)).toEqual(["execution_started", FIRST, "execution_interrupted"]);
  });

  test("a server that is stopped interrupts it as any other", async () => {
    const core = new CoreFixture({ handlers: { model }, handlersToRestart: ["model"] });
    await core.server.open();
    await execute(core);
    const closing = core.server.close(0, "SERVER_RESTARTING");
    await passSecs(core, 8);
    await closing;
    const records = await recordsOf(core.store);
    expect(records.at(-1)).toMatchObject({ type: "execution_interrupted" });
    expect(JSON.parse(records.at(-1)!.body)).toMatchObject({ reason: "server_stopped" });
  });
});
