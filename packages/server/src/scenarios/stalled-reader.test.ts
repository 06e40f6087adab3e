import { expect, test } from "vitest";
import { DEFAULT_NAMESPACE } from "../core/namespace.ts";
import { type ConnectedClient, CoreFixture, TEST_LIMITS } from "../core/testing/core-fixture.ts";

const CHANNEL = "room:1";

async function withStalledReader() {
  const core = new CoreFixture({
    namespaces: { room: { ...DEFAULT_NAMESPACE, isPresenceEnabled: true } },
  });
  const stalled = await core.connect("stalled");
  const other = await core.connect("other");
  for (const client of [stalled, other]) client.send({ type: "subscribe", channel: CHANNEL });
  await core.clock.settle();
  stalled.transport.isStalled = true;
  return { core, stalled, other };
}

async function fill(core: CoreFixture, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1)
    await core.publish(CHANNEL, { index, block: "x".repeat(1_000) });
}

async function readOn(core: CoreFixture, { connection, transport }: ConnectedClient): Promise<void> {
  transport.isStalled = false;
  transport.bufferedBytes = 0;
  connection.onDrain();
  await core.clock.settle();
}

function indexesSeen({ transport }: ConnectedClient): number[] {
  return transport.messages
    .filter(({ type }) => type === "message")
    .map(({ data }) => (data as { readonly index: number }).index);
}

function typesSeen({ transport }: ConnectedClient): unknown[] {
  return transport.messages.map(({ type }) => type);
}

test("scenario 14: what waits for a stalled reader is bounded, whatever is published, and none of it is lost", async () => {
  const { core, stalled, other } = await withStalledReader();
  const boundBytes = TEST_LIMITS.highWaterBytes + TEST_LIMITS.replayPageBytes + 2_000;
  await fill(core, 1_000);
  expect(stalled.transport.bufferedBytes).toBeGreaterThan(TEST_LIMITS.replayPageBytes);
  expect(stalled.transport.bufferedBytes).toBeLessThanOrEqual(boundBytes);
  expect(indexesSeen(other)).toHaveLength(1_000);
  await core.clock.advance(30_000);
  expect(other.transport.pings).toHaveLength(1);
  await readOn(core, stalled);
  expect(indexesSeen(stalled)).toEqual(Array.from({ length: 1_000 }, (_, index) => index));
});

test("SIG-2 signals for a reader without room are dropped, records are not", async () => {
  const { core, stalled, other } = await withStalledReader();
  await fill(core, 200);
  for (let index = 0; index < 50; index += 1) other.send({ type: "signal", channel: CHANNEL, data: index });
  await core.clock.settle();
  await readOn(core, stalled);
  expect(typesSeen(stalled)).not.toContain("signal");
  expect(indexesSeen(stalled)).toHaveLength(200);
  other.send({ type: "signal", channel: CHANNEL, data: "now" });
  await core.clock.settle();
  expect(stalled.transport.messages.at(-1)).toMatchObject({ type: "signal", data: "now" });
});

test("PRE-3 a reader without room gets the whole list instead of the changes when it has room", async () => {
  const { core, stalled, other } = await withStalledReader();
  await fill(core, 200);
  for (let state = 0; state < 20; state += 1) other.send({ type: "presence", channel: CHANNEL, state });
  await core.clock.settle();
  await readOn(core, stalled);
  const events = stalled.transport.messages.filter(({ type }) => type === "presence");
  expect(events.map(({ event }) => event)).toEqual(["members", "members"]);
  expect(events.at(-1)).toMatchObject({ members: [{ client_id: "other", state: 19 }] });
});
