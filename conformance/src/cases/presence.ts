import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { seqOf, type WireMessage } from "../clients/wire-message.ts";
import { equals, holds } from "../expectation.ts";
import type { Trial } from "../trial.ts";

/** A server may wait so long before it believes that a client is gone. */
const MAX_GRACE_MS = 20_000;

export const presence = section("Presence", (rule) => {
  rule(
    "PRE-1",
    "presence makes the client a member, and again changes its state",
    { requires: ["namespace:presence"] },
    async (t) => {
      const { watcher, channel } = await watched(t);
      const client = await member(t, channel, { mood: "good", camelCase: [1] });
      const join = await watcher.expect("presence", { event: "join" });
      equals(
        join.members,
        [{ client_id: client.clientId, state: { mood: "good", camelCase: [1] } }],
        "members of join",
      );
      client.send({ type: "presence", channel, state: "better" });
      const update = await watcher.expect("presence", { event: "update" });
      equals(update.members, [{ client_id: client.clientId, state: "better" }], "members of update");
    },
  );

  rule("PRE-1", "presence needs a subscription", { requires: ["namespace:presence"] }, async (t) => {
    const client = await t.connect();
    const channel = t.channel(t.text("namespace:presence"));
    const answer = await client.ask({ type: "presence", channel, state: 1 });
    equals([answer.type, answer.code], ["error", "NOT_SUBSCRIBED"], "the answer");
  });

  rule(
    "PRE-1",
    "presence needs a namespace that has it",
    { requires: ["namespace:no_presence"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel(t.text("namespace:no_presence"));
      await client.subscribe(channel);
      equals((await client.ask({ type: "presence", channel, state: 1 })).type, "error", "the answer");
      await client.settle();
      equals(client.unread("presence"), [], "presence messages");
    },
  );

  rule(
    "PRE-2",
    "a new subscriber gets the whole list after subscribed",
    { requires: ["namespace:presence"] },
    async (t) => {
      const { watcher, channel } = await watched(t);
      const clients = [await member(t, channel, "one"), await member(t, channel, "two")];
      // By a join, or where several nodes keep the list, by a list that was read late.
      for (const { clientId } of clients) {
        await watcher.until(`${clientId} in the list`, () =>
          watcher.received.find((message) => JSON.stringify(message.members ?? []).includes(clientId)),
        );
      }
      const late = await t.connect();
      await late.subscribe(channel);
      const list = await late.expect("presence");
      equals(list.event, "members", "the first event");
      equals(
        stateByClient(list),
        { [clients[0]!.clientId]: "one", [clients[1]!.clientId]: "two" },
        "the list",
      );
      const types = late.received.filter((message) => message.channel === channel).map(({ type }) => type);
      equals(types, ["subscribed", "presence"], "the messages about the channel, in order");
    },
  );

  rule("PRE-2", "events include one's own", { requires: ["namespace:presence"] }, async (t) => {
    const channel = t.channel(t.text("namespace:presence"));
    const client = await member(t, channel, 1);
    const list = await client.expect("presence", { event: "members" });
    // Where several nodes keep the list, it may have been read after one has joined.
    const change = list.members?.length === 0 ? await client.expect("presence", { event: "join" }) : list;
    equals(
      change.members?.map(({ client_id: id }) => id),
      [client.clientId],
      "who joined",
    );
  });

  rule(
    "PRE-3",
    "after many changes every follower comes to the same list",
    { requires: ["namespace:presence"] },
    async (t) => {
      const { watcher, channel } = await watched(t);
      const client = await t.connect();
      await client.subscribe(channel);
      watcher.webSocket.pause();
      for (let count = 0; count <= 200; count += 1)
        client.send({ type: "presence", channel, state: { count, filler: "x".repeat(1_000) } });
      await client.settle();
      watcher.webSocket.resume();
      await watcher.until("the last state", () =>
        watcher.unread("presence").find((message) => JSON.stringify(message.members).includes('"count":200')),
      );
      const last = watcher.unread("presence").at(-1);
      equals(
        last?.members?.map(({ client_id }) => client_id),
        [client.clientId],
        "the members of the last event",
      );
    },
  );

  rule(
    "PRE-4",
    "a client in two sessions is one member, and leaves with the last",
    { requires: ["namespace:presence"] },
    async (t) => {
      const { watcher, channel } = await watched(t);
      const clientId = t.freshName();
      const first = await member(t, channel, 1, clientId);
      await watcher.expect("presence", { event: "join" });
      const second = await member(t, channel, 2, clientId);
      equals((await watcher.expect("presence", { event: "update" })).members?.[0]?.state, 2, "the state");
      await first.request({ type: "unsubscribe", channel }, "unsubscribed");
      await watcher.settle();
      equals(watcher.unread("presence"), [], "events after the first has left");
      await second.request({ type: "unsubscribe", channel }, "unsubscribed");
      equals(
        (await watcher.expect("presence", { event: "leave" })).members?.[0]?.client_id,
        clientId,
        "who left",
      );
    },
  );

  rule("PRE-5", "who unsubscribes leaves", { requires: ["namespace:presence"] }, async (t) => {
    const { watcher, channel } = await watched(t);
    const client = await member(t, channel, 1);
    await watcher.expect("presence", { event: "join" });
    await client.request({ type: "unsubscribe", channel }, "unsubscribed");
    const leave = await watcher.expect("presence", { event: "leave" });
    equals(
      leave.members?.map(({ client_id }) => client_id),
      [client.clientId],
      "who left",
    );
  });

  rule(
    "PRE-5",
    "who does not come back within a grace leaves",
    { requires: ["namespace:presence"], isSlow: true },
    async (t) => {
      const { watcher, channel } = await watched(t);
      const client = await member(t, channel, 1);
      await watcher.expect("presence", { event: "join" });
      await client.drop();
      const untilMs = performance.now() + MAX_GRACE_MS;
      while (watcher.unread("presence").length === 0 && performance.now() < untilMs)
        await t.elapse(100, "the grace");
      const leave = await watcher.expect("presence", { event: "leave" });
      equals(
        leave.members?.map(({ client_id }) => client_id),
        [client.clientId],
        "who left",
      );
    },
  );

  rule(
    "PRE-5",
    "a reconnect within the grace shows nothing to the others",
    { requires: ["namespace:presence"], isSlow: true },
    async (t) => {
      const { watcher, channel } = await watched(t);
      const client = await member(t, channel, "here");
      await watcher.expect("presence", { event: "join" });
      for (let round = 0; round < 2; round += 1) {
        await client.drop();
        await t.connect({ sessionId: client.sessionId });
      }
      await t.elapse(7_000, "longer than the grace of most servers");
      equals(watcher.unread("presence"), [], "events after the reconnects");
      const late = await t.connect();
      await late.subscribe(channel);
      equals(stateByClient(await late.expect("presence")), { [client.clientId]: "here" }, "the list");
    },
  );

  rule(
    "PRE-6",
    "presence takes no place in the log and is not replayed",
    { requires: ["namespace:presence"] },
    async (t) => {
      const { watcher, channel } = await watched(t);
      await watcher.publish(channel, 1);
      const client = await member(t, channel, "state");
      await watcher.expect("presence", { event: "join" });
      equals(seqOf(await watcher.publish(channel, 2)), 2, "seq of the record after it");
      await client.request({ type: "unsubscribe", channel }, "unsubscribed");
      await watcher.expect("presence", { event: "leave" });
      const late = await t.connect();
      await late.subscribe(channel, { since: "start" });
      await late.records(channel, 2);
      const events = late.received.filter(({ type }) => type === "presence");
      holds(
        events.every(({ members }) => members?.length === 0),
        "nobody is there any more",
      );
    },
  );
});

/** A channel with presence, and somebody who follows it. */
async function watched(t: Trial) {
  const watcher = await t.connect();
  const channel = t.channel(t.text("namespace:presence"));
  await watcher.subscribe(channel);
  await watcher.expect("presence", { event: "members" });
  return { watcher, channel };
}

async function member(
  t: Trial,
  channel: string,
  state: unknown,
  clientId = t.freshName(),
): Promise<PlainClient> {
  const client = await t.connect({ clientId });
  await client.subscribe(channel);
  client.send({ type: "presence", channel, state });
  await client.settle();
  return client;
}

function stateByClient({ members = [] }: WireMessage): object {
  return Object.fromEntries(members.map(({ client_id, state }) => [client_id, state]));
}
