import { expect, test } from "vitest";
import type { Handler } from "../../executions/handler.ts";
import type { LogRecord, Store } from "../../stores/store.ts";
import { CoreFixture } from "../testing/core-fixture.ts";

const endless: Handler = async function* ({ signal, usage }) {
  usage({ outputTokens: 1 });
  yield "begun ";
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
};

async function recordsOf(store: Store, channel: string): Promise<readonly LogRecord[]> {
  const key = { tenant: "default", channel };
  const read = await store.read({ key, afterSeq: 0, maxRecords: 1_000, maxBytes: 1_000_000 });
  return read?.records ?? [];
}

function ends(records: readonly LogRecord[]): string[] {
  return records
    .map(({ type }) => type)
    .filter((type) => /completed|failed|cancelled|interrupted/.test(type));
}

test("what a dead server left running is ended once by the next one, its start included", async () => {
  const core = new CoreFixture({ handlers: { endless } });
  await core.server.open();
  const client = await core.connect("a");
  client.send({ type: "execute", id: "e", handler: "endless", channel: "chat:1", input: null });
  await core.clock.advance(5);
  // A claim whose owner died between its lease and its first record.
  const body = JSON.stringify({
    tenant: "default",
    channel: "chat:2",
    executionId: "lost",
    started: { type: "execution_started", executionId: "lost", body: '{"handler":"endless"}' },
  });
  await core.store.acquireLease('execution:["default","lost"]', "dead", 15_000, core.clock.nowMs(), body);

  for (const seed of [2, 3]) {
    const next = new CoreFixture({ store: core.store, seed });
    await next.server.open();
  }
  expect(ends(await recordsOf(core.store, "chat:1"))).toEqual(["execution_interrupted"]);
  expect((await recordsOf(core.store, "chat:2")).map(({ type }) => type)).toEqual([
    "execution_started",
    "execution_interrupted",
  ]);
});

test("a former owner that wakes up can write nothing more", async () => {
  const core = new CoreFixture({ handlers: { endless } });
  const client = await core.connect("a");
  client.send({ type: "execute", id: "e", handler: "endless", channel: "chat:1", input: null });
  await core.clock.advance(5);
  const next = new CoreFixture({ store: core.store, seed: 2 });
  await next.server.open();
  const executionId = client.transport.ofType("receipt")[0]?.["execution_id"];
  client.send({ type: "cancel", id: "c", execution_id: executionId });
  await core.clock.advance(100);
  expect(ends(await recordsOf(core.store, "chat:1"))).toEqual(["execution_interrupted"]);
});

test("the same command again, at once and later, is one execution", async () => {
  const core = new CoreFixture({ handlers: { endless } });
  const one = await core.connect("a");
  const two = await core.connect("a");
  const message = { type: "execute", id: "e", handler: "endless", channel: "chat:1", input: null };
  one.send(message);
  two.send(message);
  await core.clock.advance(5);
  two.send(message);
  await core.clock.advance(5);
  const receipts = [...one.transport.ofType("receipt"), ...two.transport.ofType("receipt")];
  expect(receipts).toHaveLength(3);
  expect(new Set(receipts.map((receipt) => receipt["execution_id"])).size).toBe(1);
  const starts = (await recordsOf(core.store, "chat:1")).filter(({ type }) => type === "execution_started");
  expect(starts).toHaveLength(1);
});

test("inputs are applied when they are taken, superseded by a cancel, refused when too many wait", async () => {
  const core = new CoreFixture({
    handlers: {
      async *once({ inputs, signal }) {
        for await (const input of inputs) {
          yield `got ${JSON.stringify(input)}`;
          break;
        }
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    },
  });
  const client = await core.connect("a");
  client.send({ type: "execute", id: "e", handler: "once", channel: "chat:1", input: null });
  await core.clock.advance(5);
  const executionId = client.transport.ofType("receipt")[0]?.["execution_id"];
  for (const id of ["i1", "i2", "i3", "i4"]) {
    client.send({ type: "input", id, execution_id: executionId, data: id });
    await core.clock.advance(1);
  }
  client.send({ type: "cancel", id: "c", execution_id: executionId });
  await core.clock.advance(5);
  const statuses = client.transport.ofType("receipt").map(({ ref, status }) => `${ref} ${status}`);
  expect(statuses).toContain("i1 applied");
  expect(statuses).toContain("i2 superseded");
  expect(statuses).toContain("i3 superseded");
  expect(statuses).toContain("i4 rejected");
  client.send({ type: "input", id: "i2", execution_id: executionId, data: "again" });
  await core.clock.advance(5);
  expect(client.transport.ofType("receipt").at(-1)).toMatchObject({ ref: "i2", status: "superseded" });
});

test("the usage that was reported stands in the end, whatever the end", async () => {
  const core = new CoreFixture({ handlers: { endless } });
  const client = await core.connect("a");
  client.send({
    type: "execute",
    id: "e",
    handler: "endless",
    channel: "chat:1",
    input: null,
    on_unwatched: "cancel",
  });
  await core.clock.advance(5);
  client.connection.onClosed(1006);
  await core.clock.advance(5);
  const records = await recordsOf(core.store, "chat:1");
  expect(records.at(-1)).toMatchObject({ type: "execution_cancelled" });
  expect(JSON.parse(records.at(-1)!.body)).toEqual({ usage: { output_tokens: 1 }, reason: "unwatched" });
});
