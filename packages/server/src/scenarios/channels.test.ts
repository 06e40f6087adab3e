/** What holds for a channel whoever publishes to it and whoever follows it. */
import { describe, expect, test } from "vitest";
import type { PlainClient } from "../testing/plain-client.ts";
import { dataOf, framesOf, seqOf } from "./support/delivery-check.ts";
import { Scenario, STORE_KINDS } from "./support/scenario.ts";

async function follow(client: PlainClient, channel: string, fields: object = {}) {
  return client.ask({ type: "subscribe", id: `subscribe-${channel}`, channel, ...fields });
}

interface HistoryPage {
  readonly records: readonly { readonly position: string; readonly data: unknown }[];
  readonly position: string;
  readonly has_more: boolean;
}

describe.each(STORE_KINDS)("on %s", (kind) => {
  test("concurrent publishers: one order for all subscribers and for the log, each publisher's own kept", async () => {
    const scenario = await Scenario.start(kind, { websocket: { maxMessageBurst: 10_000 } });
    const ids = [0, 1, 2, 3, 4];
    const clients = await Promise.all(ids.map((id) => scenario.server.welcomed(`/ws?client_id=c${id}`)));
    await Promise.all(clients.map((client) => follow(client, "room:1")));
    for (let index = 0; index < 40; index += 1) {
      for (const [id, client] of clients.entries())
        client.send({ type: "publish", id: `${id}-${index}`, channel: "room:1", data: [id, index] });
    }
    await Promise.all(clients.map((client) => client.untilReceived("message", 200)));
    const inLog = (await scenario.records("room:1")).map(({ body }) => JSON.parse(body) as number[]);
    expect(inLog).toHaveLength(200);
    for (const client of clients) expect(dataOf(client, "room:1")).toEqual(inLog);
    for (const id of ids) {
      const own = inLog.filter(([publisher]) => publisher === id).map(([, index]) => index);
      expect(own).toEqual(Array.from({ length: 40 }, (_, index) => index));
    }
  });

  test("a publish with the same id is one record, at once, after a drop and after a restart", async () => {
    const scenario = await Scenario.start(kind);
    const request = { type: "publish", id: "p", channel: "room:1", data: "once" };
    const first = await scenario.server.welcomed("/ws?client_id=a");
    first.send(request);
    first.send(request);
    const receipts = [await first.next("receipt"), await first.next("receipt")];
    await first.drop();
    const second = await scenario.server.welcomed("/ws?client_id=a");
    receipts.push(await second.ask(request));
    await scenario.restart();
    const third = await scenario.server.welcomed("/ws?client_id=a");
    receipts.push(await third.ask(request));
    expect(receipts.map(({ status }) => status)).toEqual(Array(4).fill("applied"));
    expect(new Set(receipts.map(({ position }) => position)).size).toBe(1);
    expect(await scenario.records("room:1")).toHaveLength(1);
    const other = await scenario.server.welcomed("/ws?client_id=b");
    await other.ask(request);
    expect(await scenario.records("room:1")).toHaveLength(2);
  });

  test("since: head sees only what follows, start all there is; a sender gets its own", async () => {
    const scenario = await Scenario.start(kind);
    await scenario.publish("room:1", 1, 2);
    const head = await scenario.server.welcomed("/ws?client_id=a");
    const start = await scenario.server.welcomed("/ws?client_id=b");
    await follow(head, "room:1");
    await follow(start, "room:1", { since: "start" });
    await head.ask({ type: "publish", id: "p", channel: "room:1", data: 3 });
    await head.untilReceived("message", 1);
    await start.untilReceived("message", 3);
    expect(dataOf(head, "room:1")).toEqual([3]);
    expect(dataOf(start, "room:1")).toEqual([1, 2, 3]);
    expect(await start.next("message", ({ data }) => data === 3)).toMatchObject({ sender: "a" });
  });

  test("history is paged by the positions of the WebSocket", async () => {
    const scenario = await Scenario.start(kind);
    const all = Array.from({ length: 25 }, (_, index) => index);
    const positions = await scenario.publish("room:1", ...all);
    const seen: unknown[] = [];
    let after = "";
    let pageCount = 0;
    for (;;) {
      const { json } = await scenario.server.http(
        `/api/channels/room:1/messages?limit=10&after=${encodeURIComponent(after)}`,
      );
      const page = json as unknown as HistoryPage;
      seen.push(...page.records.map(({ data }) => data));
      after = page.position;
      pageCount += 1;
      if (!page.has_more) break;
    }
    expect(seen).toEqual(all);
    expect(pageCount).toBe(3);
    expect(after).toBe(positions.at(-1));
    const client = await scenario.server.welcomed("/ws?client_id=a");
    await follow(client, "room:1", { position: positions[19] });
    await client.untilReceived("message", 5);
    expect(dataOf(client, "room:1")).toEqual([20, 21, 22, 23, 24]);
  });

  test("SUB-6 what is published while the initial state is read is not lost between the two", async () => {
    let publish = async () => {};
    const state: unknown[] = [];
    const scenario = await Scenario.start(kind, {
      channels: {
        doc: {
          initialState: async () => {
            await publish();
            return [...state];
          },
        },
      },
    });
    publish = async () => {
      state.push("change");
      await scenario.publish("doc:1", "change");
    };
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const answer = await follow(client, "doc:1");
    expect(answer).toMatchObject({ initial_state: ["change"] });
    expect(seqOf(answer.position)).toBe(0);
    await client.untilReceived("message", 1);
    expect(dataOf(client, "doc:1")).toEqual(["change"]);
  });

  test("signals reach the others now and are kept nowhere", async () => {
    const scenario = await Scenario.start(kind);
    const sender = await scenario.server.welcomed("/ws?client_id=a");
    const other = await scenario.server.welcomed("/ws?client_id=b");
    await follow(sender, "room:1");
    await follow(other, "room:1");
    sender.send({ type: "signal", channel: "room:1", data: "typing" });
    expect(await other.next("signal")).toMatchObject({ data: "typing", sender: "a" });
    await sender.settle();
    expect(sender.unread("signal")).toEqual([]);
    expect(await scenario.records("room:1")).toEqual([]);
    await other.drop();
    const again = await scenario.server.welcomed(`/ws?session_id=${other.hello.sessionId}`);
    await again.settle();
    expect(again.unread("signal")).toEqual([]);
  });

  test("a record above the limit of its channel is refused by its bytes, one at the limit is not", async () => {
    const scenario = await Scenario.start(kind, { channels: { room: { maxRecordBytes: 256 } } });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const publish = (id: string, data: unknown) =>
      client.ask({ type: "publish", id, channel: "room:1", data });
    expect(await publish("fits", "x".repeat(254))).toMatchObject({ status: "applied" });
    const refused = { status: "rejected", error: { code: "RECORD_TOO_LARGE" } };
    expect(await publish("one more", "x".repeat(255))).toMatchObject(refused);
    expect(await publish("in bytes", "\u4F60".repeat(100))).toMatchObject(refused);
    expect(await scenario.records("room:1")).toHaveLength(1);
    const { status } = await scenario.server.post("/api/channels/room:1/messages", {
      data: "x".repeat(300),
    });
    expect(status).toBe(413);
  });

  test("retention by count and by bytes keeps the newest and never less than was asked", async () => {
    const scenario = await Scenario.start(kind, {
      channels: { count: { history: { records: 10 } }, bytes: { history: { bytes: 2_048 } } },
    });
    const all = Array.from({ length: 400 }, (_, index) => index);
    await scenario.publish("count:1", ...all);
    const byCount = await scenario.records("count:1");
    expect(byCount.length).toBeGreaterThanOrEqual(10);
    expect(byCount.length).toBeLessThan(400);
    expect(byCount.at(-1)).toMatchObject({ seq: 400, body: "399" });
    const block = "x".repeat(250);
    await scenario.publish("bytes:1", ...all.slice(0, 100).map((index) => ({ index, block })));
    const byBytes = await scenario.records("bytes:1");
    const byteCount = byBytes.reduce((sum, { body }) => sum + body.length, 0);
    expect(byteCount).toBeGreaterThanOrEqual(2_048);
    expect(byBytes.length).toBeLessThan(100);
    expect(byBytes.at(-1)).toMatchObject({ seq: 100 });
    const late = await scenario.server.welcomed("/ws?client_id=a");
    await follow(late, "count:1", { since: "start" });
    await late.next("message", ({ data }) => data === 399);
    expect(framesOf(late, "count:1")).toHaveLength(byCount.length);
  });
});

describe("presence", () => {
  const options = { channels: { room: { presence: true } } };
  const eventsOf = (client: PlainClient) =>
    client.received
      .filter(({ type }) => type === "presence")
      .map(({ event, members }) => [event, (members as { client_id: string }[]).map((m) => m.client_id)]);

  test("members, join, update and leave, with the states concerned", async () => {
    const scenario = await Scenario.start("memory", options);
    const a = await scenario.server.welcomed("/ws?client_id=a");
    const b = await scenario.server.welcomed("/ws?client_id=b");
    await follow(a, "room:1");
    expect(await a.next("presence")).toMatchObject({ event: "members", members: [] });
    a.send({ type: "presence", channel: "room:1", state: { name: "Ann" } });
    await a.next("presence", ({ event }) => event === "join");
    await follow(b, "room:1");
    expect(await b.next("presence")).toMatchObject({
      event: "members",
      members: [{ client_id: "a", state: { name: "Ann" } }],
    });
    a.send({ type: "presence", channel: "room:1", state: { name: "Anna" } });
    expect(await b.next("presence")).toMatchObject({
      event: "update",
      members: [{ client_id: "a", state: { name: "Anna" } }],
    });
    await a.ask({ type: "unsubscribe", id: "u", channel: "room:1" });
    expect(await b.next("presence")).toMatchObject({ event: "leave" });
    expect(eventsOf(b)).toEqual([
      ["members", ["a"]],
      ["update", ["a"]],
      ["leave", ["a"]],
    ]);
  });

  test("a client in two sessions is one member and leaves with the last", async () => {
    const scenario = await Scenario.start("memory", options);
    const watcher = await scenario.server.welcomed("/ws?client_id=w");
    const one = await scenario.server.welcomed("/ws?client_id=a");
    const two = await scenario.server.welcomed("/ws?client_id=a");
    for (const client of [watcher, one, two]) await follow(client, "room:1");
    for (const client of [one, two]) {
      client.send({ type: "presence", channel: "room:1", state: 1 });
      await client.settle();
    }
    await one.ask({ type: "unsubscribe", id: "u", channel: "room:1" });
    await two.ask({ type: "unsubscribe", id: "u", channel: "room:1" });
    await watcher.next("presence", ({ event }) => event === "leave");
    expect(eventsOf(watcher).map(([event]) => event)).toEqual(["members", "join", "update", "leave"]);
  });

  test("it needs a subscription and a namespace that has it", async () => {
    const scenario = await Scenario.start("memory", options);
    const client = await scenario.server.welcomed("/ws?client_id=a");
    const enter = (id: string, channel: string) => client.ask({ type: "presence", id, channel, state: 1 });
    expect(await enter("1", "room:1")).toMatchObject({ type: "error", code: "NOT_SUBSCRIBED" });
    await follow(client, "plain:1");
    expect(await enter("2", "plain:1")).toMatchObject({ type: "error", code: "FORBIDDEN" });
  });
});
