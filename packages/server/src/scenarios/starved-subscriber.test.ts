import { expect, test } from "vitest";
import { type ConnectedClient, CoreFixture } from "../core/testing/core-fixture.ts";

const KEY = { tenant: "default", channel: "room:1" };
const RETENTION = { maxRecords: 100, maxBytes: 1e6, maxAgeMs: 1e9 };

/** Another node writes to the same store, and its wake-up does not come. */
async function appendUnheard(core: CoreFixture, ...bodies: string[]): Promise<void> {
  for (const body of bodies) {
    const records = [{ type: "message", body }] as const;
    await core.store.append({ key: KEY, records, nowMs: core.clock.nowMs(), retention: RETENTION });
  }
}

async function subscriber(core: CoreFixture) {
  const client = await core.connect("a");
  client.send({ type: "subscribe", id: "s", channel: KEY.channel });
  await core.clock.settle();
  return client;
}

function messagesIn({ transport }: ConnectedClient): unknown[] {
  return transport.messages.filter(({ type }) => type === "message").map(({ data }) => data);
}

test("scenario 12: a head that moved without a wake-up is healed when it is noted, in order and without a gap", async () => {
  const core = new CoreFixture();
  const client = await subscriber(core);
  await core.publish(KEY.channel, 1);
  await appendUnheard(core, "2", "3");
  await core.clock.settle();
  expect(messagesIn(client)).toEqual([1]);
  core.server.hub.noteHead(KEY, (await core.store.logState(KEY))!.head);
  await core.clock.settle();
  expect(messagesIn(client)).toEqual([1, 2, 3]);
});

test("scenario 12: the next append of this node brings what was missed before it", async () => {
  const core = new CoreFixture();
  const client = await subscriber(core);
  await appendUnheard(core, "1", "2");
  await core.publish(KEY.channel, 3);
  expect(messagesIn(client)).toEqual([1, 2, 3]);
});

test("scenario 12: a head noted late or twice repeats nothing", async () => {
  const core = new CoreFixture();
  const client = await subscriber(core);
  await appendUnheard(core, "1");
  const early = (await core.store.logState(KEY))!.head;
  await core.publish(KEY.channel, 2);
  core.server.hub.noteHead(KEY, early);
  core.server.hub.noteHead(KEY, (await core.store.logState(KEY))!.head);
  await core.clock.settle();
  expect(messagesIn(client)).toEqual([1, 2]);
});
