/** Several nodes are one server: what one of them was told, all of them know. The cases hop between two of them. */
import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { seqOf, textOf } from "../clients/wire-message.ts";
import { equals, holds } from "../expectation.ts";
import type { RequirementName } from "../requirements.ts";
import type { Trial } from "../trial.ts";
import { countTo } from "./delivery.ts";
import { running } from "./running.ts";
import { signalled } from "./signals.ts";
import { listedAs } from "./welcome.ts";

const NODES: readonly RequirementName[] = ["nodes:two"];
const COUNTING: readonly RequirementName[] = [...NODES, "handler:count"];

export const nodes = section("Several nodes", (rule) => {
  rule("RES-7", "a session is resumed on another node", { requires: NODES }, async (t) => {
    const first = await t.connect({ node: 0 });
    const channel = t.channel();
    await first.subscribe(channel);
    await first.drop();
    const second = await t.connect({ node: 1, sessionId: first.sessionId });
    equals([second.welcome.resumed, listedAs(second.welcome, channel)?.recovered], [true, true], "resumed");
    await (await t.connect({ node: 0 })).publish(channel, "from the other node");
    equals((await second.records(channel, 1))[0]?.data, "from the other node", "the next record");
  });

  rule(
    "RES-7",
    "a session that is resumed here and there misses nothing and gets nothing twice",
    { requires: NODES },
    async (t) => {
      const writers = [await t.connect({ node: 0 }), await t.connect({ node: 1 })];
      const channel = t.channel();
      let reader = await t.connect({ node: 0 });
      let { position } = await reader.subscribe(channel);
      const publishing = writers.map((writer, at) =>
        writer.publishAll(
          channel,
          countTo(100).map((n) => [at, n]),
        ),
      );
      const seqs: number[] = [];
      for (let hop = 1; hop <= 6; hop += 1) {
        for (const frame of await reader.records(channel, 10)) {
          seqs.push(seqOf(frame));
          position = frame.position;
        }
        await reader.drop();
        reader = await t.connect({ node: hop % 2, sessionId: reader.sessionId, arePositionsOwn: true });
        equals(reader.welcome.resumed, true, `resumed, hop ${hop}`);
        await reader.subscribe(channel, { position });
      }
      await Promise.all(publishing);
      const rest = await reader.recordsUntil(channel, (frame) => seqOf(frame) === 200);
      equals([...seqs, ...rest.map(seqOf)], countTo(200), "the seqs of what was applied");
    },
  );

  rule(
    "RES-10",
    "a session that is taken over on another node is closed with 4409 where it was",
    { requires: NODES },
    async (t) => {
      const older = await t.connect({ node: 0 });
      const channel = t.channel();
      await older.subscribe(channel);
      const newer = await t.connect({ node: 1, sessionId: older.sessionId });
      equals(newer.welcome.resumed, true, "resumed");
      await older.expectClose(4409);
      await newer.publish(channel, 1);
      equals((await newer.records(channel, 1))[0]?.data, 1, "what the newer one gets");
    },
  );

  rule(
    "ACK-3",
    "what was confirmed on one node is confirmed on the other",
    { requires: NODES },
    async (t) => {
      const { client, channel } = await readerOf(t, ["a", "b", "c"]);
      client.send({
        type: "ack",
        positions: { [channel]: client.received.findLast(({ data }) => data === "b")?.position },
      });
      await client.settle();
      await client.drop();
      const back = await t.connect({ node: 1, sessionId: client.sessionId });
      equals((await back.records(channel, 1))[0]?.data, "c", "the record that comes again");
    },
  );

  rule(
    "DEL-1",
    "readers of all nodes get the records of all nodes in one order",
    { requires: NODES },
    async (t) => {
      const channel = t.channel();
      const readers = [await t.connect({ node: 0 }), await t.connect({ node: 1 })];
      for (const reader of readers) await reader.subscribe(channel);
      const writers = [await t.connect({ node: 0 }), await t.connect({ node: 1 })];
      await Promise.all(
        writers.map((writer, at) =>
          writer.publishAll(
            channel,
            countTo(30).map((n) => [at, n]),
          ),
        ),
      );
      const [here, there] = await Promise.all(
        readers.map((reader) => reader.recordsUntil(channel, (frame) => seqOf(frame) === 60)),
      );
      equals(
        here?.map(({ position, data }) => [position, data]),
        there?.map(({ position, data }) => [position, data]),
        "what the two readers got",
      );
    },
  );

  rule(
    "CMD-1",
    "the same command at both nodes at once is carried out once",
    { requires: NODES },
    async (t) => {
      const clientId = t.freshName();
      const channel = t.channel();
      const clients = [await t.connect({ node: 0, clientId }), await t.connect({ node: 1, clientId })];
      for (let round = 0; round < 10; round += 1) {
        const command = { type: "publish", id: t.freshName(), channel, data: round };
        const receipts = await Promise.all(clients.map((client) => client.ask(command)));
        equals(receipts[0]?.position, receipts[1]?.position, `the positions, round ${round}`);
        equals(seqOf(receipts[0]), round + 1, `the seq, round ${round}`);
      }
    },
  );

  rule("CMD-1", "the same execute at both nodes is one execution", { requires: COUNTING }, async (t) => {
    const clientId = t.freshName();
    const channel = t.channel();
    const clients = [await t.connect({ node: 0, clientId }), await t.connect({ node: 1, clientId })];
    const command = { id: t.freshName(), channel, input: { prompt: "20 5" } };
    const receipts = await Promise.all(clients.map((one) => one.execute(t.text("handler:count"), command)));
    equals(receipts[0]?.execution_id, receipts[1]?.execution_id, "the execution ids");
    const late = await t.connect({ node: 1 });
    await late.subscribe(channel, { since: "start" });
    const log = await late.recordsUntilEnd(channel);
    equals(log.filter(({ type }) => type === "execution_started").length, 1, "the number of starts");
    equals(textOf(log, receipts[0]!.execution_id).trim().split(" ").map(Number), countTo(20), "the text");
  });

  rule("EXE-3", "an execution is followed live from another node", { requires: COUNTING }, async (t) => {
    const channel = t.channel();
    const follower = await t.connect({ node: 1 });
    await follower.subscribe(channel);
    const client = await t.connect({ node: 0 });
    const { execution_id } = await client.execute(t.text("handler:count"), {
      channel,
      input: { prompt: "60 10" },
    });
    const frames = await follower.recordsUntilEnd(channel, execution_id);
    equals(textOf(frames, execution_id).trim().split(" ").map(Number), countTo(60), "the text");
    holds(frames.filter(({ type }) => type === "chunk").length > 6, "it came in pieces while it was made");
  });

  rule("EXE-6", "who follows on another node counts", { requires: COUNTING }, async (t) => {
    const channel = t.channel();
    const follower = await t.connect({ node: 1 });
    await follower.subscribe(channel);
    const client = await t.connect({ node: 0 });
    const input = { prompt: "80 10" };
    await client.execute(t.text("handler:count"), { channel, input, on_unwatched: { cancel_after: 0.2 } });
    await client.drop();
    equals((await follower.recordsUntilEnd(channel)).at(-1)?.type, "execution_completed", "how it ended");
  });

  rule("EXE-7", "cancel reaches an execution from another node", { requires: COUNTING }, async (t) => {
    const { client, channel, id } = await running(t);
    const other = await t.connect({ node: 1 });
    other.send({ type: "cancel", id: "stop", execution_id: id });
    equals((await other.answerTo("stop")).status, "accepted", "the first status");
    equals((await other.answerTo("stop")).status, "applied", "the second status");
    const end = (await client.recordsUntilEnd(channel, id)).at(-1);
    equals(
      [end?.type, end?.reason, end?.sender],
      ["execution_cancelled", "requested", other.clientId],
      "the end",
    );
  });

  rule(
    "EXE-7",
    "a cancel asked for again at another node has the receipt that it had",
    { requires: COUNTING },
    async (t) => {
      const { client, channel, id } = await running(t);
      const command = { type: "cancel", id: t.freshName(), execution_id: id };
      client.send(command);
      await client.recordsUntilEnd(channel, id);
      await client.expect("receipt", { ref: command.id, status: "applied" });
      const other = await t.connect({ node: 1, clientId: client.clientId });
      equals((await other.ask(command)).status, "applied", "the status");
    },
  );

  rule(
    "EXE-8",
    "input reaches an execution from another node",
    { requires: [...NODES, "handler:inputs"] },
    async (t) => {
      const { id } = await running(t, { handler: "handler:inputs", prompt: "count to 100" });
      const other = await t.connect({ node: 1 });
      other.send({ type: "input", id: "say", execution_id: id, data: { text: "from afar" } });
      equals((await other.answerTo("say")).status, "accepted", "the first status");
      equals((await other.answerTo("say")).status, "applied", "the second status");
    },
  );

  rule(
    "STR-4",
    "a stream that was lost on one node is fetched from another",
    { requires: COUNTING },
    async (t) => {
      const client = await t.connect({ node: 0, isStream: true });
      const { channel, execution_id } = await client.execute(t.text("handler:count"), {
        input: { prompt: "60 10" },
      });
      await client.recordsUntil(channel!, ({ chunk }) => chunk?.type === "text-delta");
      await client.drop();
      const back = await t.connect({ node: 1, isStream: true, sessionId: client.sessionId });
      const rest = await back.recordsUntilEnd(channel!, execution_id);
      holds(textOf(rest, execution_id).endsWith("59 60 "), "the text goes on to its end");
      await back.expectClose(1000);
    },
  );

  rule("SIG-1", "a signal reaches followers on another node", { requires: NODES }, async (t) => {
    const channel = t.channel();
    const follower = await t.connect({ node: 1 });
    await follower.subscribe(channel);
    const sender = await t.connect({ node: 0 });
    const signal = await signalled(t, { sender, follower, channel, data: "over there" });
    equals(signal.data, "over there", "data of the signal");
  });

  rule(
    "PRE-2",
    "members of all nodes are in one list",
    { requires: [...NODES, "namespace:presence"] },
    async (t) => {
      const channel = t.channel(t.text("namespace:presence"));
      const watcher = await t.connect({ node: 1 });
      await watcher.subscribe(channel);
      const client = await present(t, channel, 0);
      await watcher.expect("presence", { event: "join" });
      const late = await t.connect({ node: 1 });
      await late.subscribe(channel);
      const list = await late.expect("presence", { event: "members" });
      equals(list.members, [{ client_id: client.clientId, state: "here" }], "the list");
      await client.request({ type: "unsubscribe", channel }, "unsubscribed");
      for (const one of [watcher, late]) {
        const leave = await one.expect("presence", { event: "leave" });
        equals(leave.members?.[0]?.client_id, client.clientId, "who left");
      }
    },
  );

  rule(
    "PRE-4",
    "a client on two nodes is one member, and leaves with the last",
    { requires: [...NODES, "namespace:presence"] },
    async (t) => {
      const channel = t.channel(t.text("namespace:presence"));
      const clientId = t.freshName();
      const watcher = await t.connect({ node: 0 });
      await watcher.subscribe(channel);
      await watcher.expect("presence", { event: "members" });
      const clients = [await present(t, channel, 0, clientId), await present(t, channel, 1, clientId)];
      await watcher.expect("presence", { event: "join" });
      await clients[0]!.request({ type: "unsubscribe", channel }, "unsubscribed");
      await clients[1]!.request({ type: "unsubscribe", channel }, "unsubscribed");
      await watcher.expect("presence", { event: "leave" });
      const late = await t.connect({ node: 1 });
      await late.subscribe(channel);
      equals((await late.expect("presence", { event: "members" })).members, [], "the list after it");
      equals(watcher.received.filter(({ event }) => event === "leave").length, 1, "the number of leaves");
    },
  );

  for (const [hops, isLost] of [
    [[1], true],
    [[1, 0, 1], true],
    [[1], false],
    [[1, 0], false],
  ] as const) {
    rule(
      "PRE-5",
      `whose ${isLost ? "lost" : "live"} session goes on on another node does not leave (${[0, ...hops].join(" to ")})`,
      { requires: [...NODES, "namespace:presence"], isSlow: true },
      async (t) => {
        const channel = t.channel(t.text("namespace:presence"));
        const watchers = [await t.connect({ node: 0 }), await t.connect({ node: 1 })];
        for (const watcher of watchers) await watcher.subscribe(channel);
        let client = await present(t, channel, 0);
        for (const node of hops) {
          if (isLost) await client.drop();
          client = await t.connect({ node, sessionId: client.sessionId });
        }
        await t.elapse(7_000, "longer than the grace of most servers");
        for (const watcher of watchers) {
          await watcher.settle();
          const events = watcher.received.flatMap(({ event }) => (event === undefined ? [] : [event]));
          equals(events, ["members", "join"], `the events of ${watcher.name}`);
        }
        await client.request({ type: "unsubscribe", channel }, "unsubscribed");
        for (const watcher of watchers) await watcher.expect("presence", { event: "leave" });
      },
    );
  }

  rule(
    "CON-6",
    "connections of a client count on all nodes together",
    { requires: [...NODES, "limit:max_connections_per_client"] },
    async (t) => {
      const clientId = t.freshName();
      const limit = t.number("limit:max_connections_per_client");
      for (let count = 0; count < limit; count += 1) await t.connect({ node: count % 2, clientId });
      for (const node of [0, 1]) {
        const { status } = await t.refusal({ node, clientId });
        equals(status, 429, `the status at node ${node}`);
      }
    },
  );

  rule(
    "HS-4",
    "what is sent to a client or to all reaches them on every node",
    { requires: [...NODES, "custom:send"] },
    async (t) => {
      const sender = await t.connect({ node: 0 });
      const clientId = t.freshName();
      const clients = [await t.connect({ node: 0, clientId }), await t.connect({ node: 1, clientId })];
      const send = (to: object) =>
        sender.request(
          { type: "custom", action: t.text("custom:send"), payload: { to, data: to } },
          "custom",
        );
      await send({ client: clientId });
      const all = { all: true, run: t.freshName() };
      await send(all);
      for (const client of clients) {
        equals(
          (await client.records(`~client:${clientId}`, 1))[0]?.data,
          { client: clientId },
          "data for the client",
        );
        await client.recordsUntil("~all", ({ data }) => JSON.stringify(data) === JSON.stringify(all));
      }
    },
  );
});

/** A client on the first node that has received records and confirmed none. */
async function readerOf(t: Trial, items: readonly unknown[]) {
  const client = await t.connect({ node: 0 });
  const channel = t.channel();
  await client.subscribe(channel);
  client.answersPings = false;
  await client.publishAll(channel, items);
  await client.records(channel, items.length);
  return { client, channel };
}

async function present(
  t: Trial,
  channel: string,
  node: number,
  clientId = t.freshName(),
): Promise<PlainClient> {
  const client = await t.connect({ node, clientId });
  await client.subscribe(channel);
  client.send({ type: "presence", channel, state: "here" });
  await client.settle();
  return client;
}
