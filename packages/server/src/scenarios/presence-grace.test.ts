import { expect, test } from "vitest";
import { DEFAULT_NAMESPACE } from "../core/namespace.ts";
import { type ConnectedClient, CoreFixture } from "../core/testing/core-fixture.ts";

const GRACE_MS = 5_000;

async function watcherAndMember() {
  const core = new CoreFixture({
    namespaces: { room: { ...DEFAULT_NAMESPACE, isPresenceEnabled: true } },
  });
  const watcher = await core.connect("watcher");
  const member = await core.connect("member");
  for (const client of [watcher, member]) client.send({ type: "subscribe", channel: "room:1" });
  await core.clock.settle();
  member.send({ type: "presence", channel: "room:1", state: "here" });
  await core.clock.settle();
  return { core, watcher, member };
}

function eventsOf({ transport }: ConnectedClient): unknown[] {
  return transport.messages.filter(({ type }) => type === "presence").map(({ event }) => event);
}

test("PRE-5 a lost member leaves when its grace is over, and once", async () => {
  const { core, watcher, member } = await watcherAndMember();
  member.connection.onClosed(1006);
  await core.clock.advance(GRACE_MS - 1);
  expect(eventsOf(watcher)).toEqual(["members", "join"]);
  await core.clock.advance(1);
  expect(eventsOf(watcher)).toEqual(["members", "join", "leave"]);
  await core.clock.advance(GRACE_MS * 3);
  expect(eventsOf(watcher)).toEqual(["members", "join", "leave"]);
});

test("PRE-5 one that comes back within its grace never left", async () => {
  const { core, watcher, member } = await watcherAndMember();
  member.connection.onClosed(1006);
  await core.clock.advance(GRACE_MS - 1);
  await core.connect("member", member.connection.session.id);
  await core.clock.advance(GRACE_MS * 3);
  expect(eventsOf(watcher)).toEqual(["members", "join"]);
});
