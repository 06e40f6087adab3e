import { expect, test } from "vitest";
import type { Handler } from "../executions/handler.ts";
import { createMemoryStore } from "../stores/memory/memory-store.ts";
import type { LogKey } from "../stores/store.ts";
import { CoreFixture } from "./testing/core-fixture.ts";
import { seededRandom } from "./testing/seeded-random.ts";

const big = "x".repeat(4_000);

test("welcome is first, also when the client speaks before it", async () => {
  const core = new CoreFixture();
  const connecting = core.connect("a", undefined, { type: "ping", id: "1" });
  const { transport } = await connecting;
  expect(transport.messages.map((message) => message["type"])).toEqual(["welcome", "pong"]);
});

test("a stalled reader costs one page, and catches up merged when it drains", async () => {
  const core = new CoreFixture({
    handlers: {
      async *words() {
        for (let index = 0; index < 500; index += 1) yield `${index} `;
      },
    },
  });
  const slow = await core.connect("slow");
  slow.send({ type: "subscribe", id: "s", channel: "chat:1" });
  await core.clock.settle();
  slow.transport.isStalled = true;
  slow.transport.bufferedBytes = 1_000_000;
  const writesBefore = slow.transport.writeCount;
  const fast = await core.connect("fast");
  fast.send({ type: "execute", id: "e", handler: "words", channel: "chat:1", input: null });
  await core.clock.advance(10);
  expect(fast.transport.ofType("execution_completed")).toHaveLength(1);
  expect(slow.transport.writeCount).toBe(writesBefore);

  slow.transport.isStalled = false;
  slow.transport.bufferedBytes = 0;
  slow.connection.onDrain();
  await core.clock.advance(10);
  const chunks = slow.transport.ofType("chunk");
  const text = chunks.map((frame) => (frame["chunk"] as { delta?: string }).delta ?? "").join("");
  expect(text).toBe(Array.from({ length: 500 }, (_, index) => `${index} `).join(""));
  expect(chunks.length).toBeLessThan(12);
});

test("catch-up is paged and lets others pass: a live record arrives while a long backlog is written", async () => {
  const core = new CoreFixture({ limits: { replayPageBytes: 4_096 } });
  for (let index = 0; index < 60; index += 1) await core.publish("chat:long", { index, big });
  const reader = await core.connect("reader");
  const live = await core.connect("live");
  live.send({ type: "subscribe", channel: "chat:live" });
  await core.clock.settle();
  reader.send({ type: "subscribe", channel: "chat:long", since: "start" });
  const writesBefore = reader.transport.writeCount;
  await core.server.publish({ tenant: "default", channel: "chat:live", data: "now" });
  await core.clock.advance(1);
  expect(live.transport.ofType("message")).toHaveLength(1);
  await core.clock.advance(10);
  const messages = reader.transport.ofType("message");
  expect(messages.map((message) => (message["data"] as { index: number }).index)).toEqual(
    Array.from({ length: 60 }, (_, index) => index),
  );
  expect(reader.transport.writeCount - writesBefore).toBeGreaterThan(30);
});

test("a live reader that falls behind retention gets a reset before anything newer", async () => {
  const retention = { maxRecords: 10, maxBytes: 1_000_000, maxAgeMs: 3_600_000 };
  const core = new CoreFixture({
    namespaces: { small: { retention, isPresenceEnabled: false, maxRecordBytes: 100_000 } },
    limits: { ring: { maxRecords: 4, maxBytes: 10_000 } },
  });
  const reader = await core.connect("reader");
  reader.send({ type: "subscribe", channel: "small:1" });
  await core.clock.settle();
  await core.publish("small:1", 0);
  await core.clock.advance(1);
  reader.transport.isStalled = true;
  reader.transport.bufferedBytes = 1_000_000;
  for (let index = 1; index <= 40; index += 1) await core.publish("small:1", index);
  reader.transport.isStalled = false;
  reader.transport.bufferedBytes = 0;
  reader.transport.messages.length = 0;
  reader.connection.onDrain();
  await core.clock.advance(5);
  const [first, ...rest] = reader.transport.messages;
  expect(first).toMatchObject({ type: "reset", channel: "small:1", reason: "trimmed" });
  expect(rest.map((message) => message["data"])).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
});

test("one tick, one write: records of several channels go out together", async () => {
  const core = new CoreFixture();
  const reader = await core.connect("reader");
  for (const channel of ["a", "b", "c"]) reader.send({ type: "subscribe", channel });
  await core.clock.settle();
  const writesBefore = reader.transport.writeCount;
  await Promise.all(
    ["a", "b", "c"].map((channel) => core.server.publish({ tenant: "default", channel, data: channel })),
  );
  await core.clock.advance(1);
  expect(reader.transport.ofType("message")).toHaveLength(3);
  expect(reader.transport.writeCount - writesBefore).toBe(1);
});

test("subscribe and publish sent in one go: the publisher sees its own message", async () => {
  const core = new CoreFixture();
  const client = await core.connect("a");
  client.send({ type: "subscribe", id: "s", channel: "fresh:1" });
  client.send({ type: "publish", id: "p", channel: "fresh:1", data: 1 });
  await core.clock.advance(5);
  expect(client.transport.ofType("subscribed")[0]).toMatchObject({ recovered: true });
  expect(client.transport.ofType("message")).toHaveLength(1);
});

test("a handler that never looks at its signal does not hold up a cancel", async () => {
  const stubborn: Handler = async function* () {
    yield "one ";
    await new Promise(() => {});
  };
  const core = new CoreFixture({ handlers: { stubborn } });
  const client = await core.connect("a");
  client.send({ type: "execute", id: "e", handler: "stubborn", channel: "chat:1", input: null });
  await core.clock.advance(5);
  const executionId = client.transport.ofType("receipt")[0]?.["execution_id"];
  client.send({ type: "cancel", id: "c", execution_id: executionId });
  client.send({ type: "cancel", id: "c2", execution_id: executionId });
  await core.clock.advance(5);
  const receipts = client.transport.ofType("receipt").slice(1);
  expect(receipts.map(({ ref, status }) => `${ref} ${status}`).sort()).toEqual([
    "c accepted",
    "c applied",
    "c2 accepted",
    "c2 applied",
  ]);
  expect(client.transport.ofType("execution_cancelled")).toHaveLength(1);
  expect(client.transport.ofType("chunk").at(-1)).toMatchObject({ chunk: { type: "abort" } });
});

test("too many invalid messages close the connection; fewer do not", async () => {
  const core = new CoreFixture();
  const client = await core.connect("a");
  for (let index = 0; index < 5; index += 1) client.connection.onText("{");
  expect(client.transport.closed).toBeUndefined();
  client.connection.onText("{");
  expect(client.transport.closed?.code).toBe(4429);
});

test("a reader that never answers a ping is closed, and its session resumes from what was confirmed", async () => {
  const core = new CoreFixture();
  const client = await core.connect("a");
  client.send({ type: "subscribe", channel: "chat:1" });
  await core.publish("chat:1", 1);
  await core.clock.advance(30_000);
  expect(client.transport.pings).toEqual([1]);
  client.connection.onPong(1);
  await core.publish("chat:1", 2);
  await core.clock.advance(40_000);
  expect(client.transport.closed?.code).toBe(4008);
  client.connection.onClosed(4008);
  const again = await core.connect("a", client.connection.session.id);
  await core.clock.advance(1);
  expect(again.transport.messages[0]).toMatchObject({ type: "welcome", resumed: true });
  expect(again.transport.ofType("message").map((message) => message["data"])).toEqual([2]);
});

test("an excluded session gets a skip, so that it sees no gap", async () => {
  const core = new CoreFixture();
  const one = await core.connect("one");
  const two = await core.connect("two");
  await core.server.mailbox.broadcast("default", "to all", []);
  await core.server.mailbox.broadcast("default", "not to one", [one.connection.id]);
  await core.server.mailbox.broadcast("default", "to all again", []);
  await core.clock.advance(1);
  expect(two.transport.ofType("message").map(({ data }) => data)).toEqual([
    "to all",
    "not to one",
    "to all again",
  ]);
  expect(one.transport.ofType("message").map(({ data }) => data)).toEqual(["to all", "to all again"]);
  expect(one.transport.ofType("skip")).toHaveLength(1);
});

test("after a close nothing is left running", async () => {
  const core = new CoreFixture({
    handlers: {
      async *hang({ signal }) {
        yield "x";
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
  });
  await core.server.open();
  const client = await core.connect("a");
  client.send({ type: "execute", id: "e", handler: "hang", channel: "chat:1", input: null });
  await core.clock.advance(5);
  const closing = core.server.close(1_000, "SERVER_RESTARTING");
  await core.clock.advance(2_000);
  await closing;
  expect(client.transport.ofType("reconnect")).toHaveLength(1);
  expect(client.transport.ofType("execution_interrupted")).toHaveLength(1);
  expect(client.transport.closed?.code).toBe(1012);
  client.connection.onClosed(1012);
  await core.clock.settle();
  expect(core.clock.pendingTimerCount).toBe(0);
});

test("SUB-11: nothing is delivered after unsubscribed, not even what was being read from the store", async () => {
  const core = new CoreFixture({ limits: { ring: { maxRecords: 2, maxBytes: 1_000 } } });
  for (let index = 0; index < 20; index += 1) await core.publish("chat:1", index);
  const client = await core.connect("a");
  client.send({ type: "subscribe", channel: "chat:1", since: "start" });
  client.send({ type: "unsubscribe", id: "u", channel: "chat:1" });
  await core.clock.advance(10);
  const types = client.transport.messages.map((message) => message["type"]);
  expect(types.slice(types.indexOf("unsubscribed"))).toEqual(["unsubscribed"]);
});

test("ACK: a subscription that was moved back is confirmed from its new place on", async () => {
  const core = new CoreFixture();
  const positions: string[] = [];
  const client = await core.connect("a");
  client.send({ type: "subscribe", channel: "chat:1" });
  await core.clock.settle();
  for (let index = 1; index <= 3; index += 1) positions.push(await core.publish("chat:1", index));
  await core.clock.advance(1);
  client.send({ type: "ack", positions: { "chat:1": positions[2] } });
  client.send({ type: "subscribe", channel: "chat:1", position: positions[0] });
  await core.clock.advance(1);
  client.send({ type: "ack", positions: { "chat:1": positions[1] } });
  await core.clock.advance(1);
  const stored = await core.store.loadSession("default", client.connection.session.id);
  expect(stored?.positions["chat:1"]).toBe(positions[1]);
});

test("a subscribe that its connection did not live to see answered does not move the next connection", async () => {
  const store = createMemoryStore({ random: seededRandom(5) });
  const gate = Promise.withResolvers<void>();
  const slowOpen = new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (name !== "openLog") return member.bind(target);
      return async (key: LogKey, nowMs: number) => {
        const state = await target.openLog(key, nowMs);
        if (key.channel === "chat:1") await gate.promise;
        return state;
      };
    },
  });
  const core = new CoreFixture({ store: slowOpen });
  const first = await core.connect("a");
  first.send({ type: "subscribe", channel: "chat:1" });
  await core.clock.settle();
  first.connection.onClosed(1006);
  gate.resolve();
  await core.clock.settle();
  const stored = await core.store.loadSession("default", first.connection.session.id);
  expect(Object.keys(stored?.positions ?? {})).not.toContain("chat:1");
});
