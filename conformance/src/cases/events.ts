import { section } from "../case.ts";
import type { StreamEvent } from "../clients/event-stream.ts";
import { coverOf, isRecordFrame, type RecordFrame, type WireMessage } from "../clients/wire-message.ts";
import { equals, holds, isOneOf } from "../expectation.ts";
import type { EventConnection, Trial } from "../trial.ts";
import { prompt } from "./running.ts";

const EVENTS = { requires: ["http:events"] } as const;

function messageOf({ data = "{}" }: StreamEvent): WireMessage {
  return JSON.parse(data) as WireMessage;
}

function eventOf({ stream }: EventConnection, type: string): StreamEvent {
  const found = stream.events.find((event) => event.name === "message" && messageOf(event).type === type);
  holds(found !== undefined, `there is an event with a message ${type}`);
  return found;
}

/** Waits until the server has closed the stream, and returns its last event. */
async function lastEvent({ client, stream }: EventConnection, code: number): Promise<StreamEvent> {
  await client.expectClose(code);
  return stream.events.at(-1)!;
}

export const events = section("Events over HTTP", (rule) => {
  rule("CON-10", "a probe is made, says nothing and is closed with 1000", EVENTS, async (t) => {
    const client = await t.open({ query: "probe=1" });
    await client.expectClose(1000);
    equals(client.received, [], "what was said");
  });

  rule("CON-10", "a probe is authenticated", { requires: ["http:events", "auth"] }, async (t) => {
    equals((await t.refusal({ query: "probe=1", token: null })).status, 401, "status without a token");
  });

  rule("SSE-1", "a session is resumed over it, from a WebSocket and back", EVENTS, async (t) => {
    const first = await t.connect({ clientId: t.freshName() });
    const channel = t.channel();
    await first.subscribe(channel);
    await first.drop();
    const { client } = await t.events({ sessionId: first.sessionId });
    equals([client.welcome.resumed, client.clientId], [true, first.clientId], "resumed, and the client");
    await client.publish(channel, 1);
    await client.records(channel, 1);
    await client.drop();
    const last = await t.connect({ sessionId: first.sessionId });
    equals(last.welcome.resumed, true, "resumed over a WebSocket");
  });

  rule("SSE-1", "a token is required", { requires: ["http:events", "auth"] }, async (t) => {
    const refused = await t.eventsRefusal({ token: null });
    equals([refused.status, refused.json?.["code"]], [401, "TOKEN_REQUIRED"], "without a token");
    equals((await t.eventsRefusal({ token: "wrong" })).status, 401, "status with a wrong one");
  });

  rule(
    "SSE-1",
    "connections count together with WebSockets",
    {
      requires: ["http:events", "limit:max_connections_per_client"],
    },
    async (t) => {
      const clientId = t.freshName();
      const limit = t.number("limit:max_connections_per_client");
      for (let count = 1; count < limit; count += 1) await t.connect({ clientId });
      await t.events({ clientId });
      const refused = await t.eventsRefusal({ clientId });
      equals([refused.status, refused.json?.["code"]], [429, "TOO_MANY_CONNECTIONS"], "the next one");
      holds(Number(refused.headers["retry-after"]) > 0, "there is a Retry-After");
    },
  );

  rule("SSE-2", "the channels of the query are subscribed, each with its answer", EVENTS, async (t) => {
    const channels = [t.channel(), t.channel()];
    const { client } = await t.events({ channels });
    for (const channel of channels) await client.expect("subscribed", { channel, recovered: true });
    await client.publish(channels[1]!, "live");
    equals((await client.records(channels[1]!, 1))[0]?.data, "live", "what is published");
  });

  rule("SSE-2", "since=start begins at the oldest record", EVENTS, async (t) => {
    const writer = await t.connect();
    const channel = t.channel();
    await writer.publishAll(channel, [1, 2]);
    const { client } = await t.events({ channels: [channel], query: { since: "start" } });
    equals(
      (await client.records(channel, 2)).map(({ data }) => data),
      [1, 2],
      "the records",
    );
  });

  rule("SSE-2", "more than 32 channels are refused", EVENTS, async (t) => {
    const refused = await t.eventsRefusal({ channels: Array.from({ length: 33 }, () => t.channel()) });
    equals([refused.status, refused.json?.["code"]], [400, "INVALID_MESSAGE"], "status and code");
  });

  rule(
    "SSE-2",
    "a channel that is not allowed refuses the request",
    {
      requires: ["http:events", "namespace:forbidden"],
    },
    async (t) => {
      const channels = [t.channel(), t.channel(t.text("namespace:forbidden"))];
      const refused = await t.eventsRefusal({ channels });
      equals([refused.status, refused.json?.["code"]], [403, "FORBIDDEN"], "status and code");
    },
  );

  rule(
    "SSE-3",
    "the answer has its headers, and each message is one line of one event",
    EVENTS,
    async (t) => {
      const channel = t.channel();
      const connection = await t.events({ channels: [channel] });
      const { headers } = connection.stream.response;
      holds(
        headers["content-type"]?.startsWith("text/event-stream") === true,
        "the type is text/event-stream",
      );
      equals(headers["x-accel-buffering"], "no", "X-Accel-Buffering");
      holds(headers["cache-control"]?.includes("no-store") === true, "Cache-Control says no-store");
      const data = { text: "one\r\ntwo\n\nid: three\u0000\u2028" };
      await connection.client.publish(channel, data);
      await connection.client.records(channel, 1);
      const event = eventOf(connection, "message");
      equals(messageOf(event).data, data, "the data");
      holds(!/[\r\n\0]/.test(event.data!), "it is one line");
    },
  );

  rule("SSE-4", "with one channel the id is the position", EVENTS, async (t) => {
    const channel = t.channel();
    const connection = await t.events({ channels: [channel] });
    const subscribed = await connection.client.expect("subscribed");
    equals(eventOf(connection, "subscribed").id, subscribed.position, "id of subscribed");
    const { position } = await connection.client.publish(channel, 1);
    await connection.client.records(channel, 1);
    equals(eventOf(connection, "message").id, position, "id of the record");
    equals(
      [eventOf(connection, "welcome").id, eventOf(connection, "receipt").id],
      [undefined, undefined],
      "other ids",
    );
  });

  rule("SSE-4", "records of a channel that the query does not name have none", EVENTS, async (t) => {
    const [named, other] = [t.channel(), t.channel()];
    const connection = await t.events({ channels: [named] });
    await connection.client.subscribe(other);
    await connection.client.publish(other, 1);
    await connection.client.records(other, 1);
    equals(eventOf(connection, "message").id, undefined, "id of the record");
  });

  rule("SSE-5", "the last id brings several channels back, each record once", EVENTS, async (t) => {
    const writer = await t.connect();
    const channels = [t.channel(), t.channel(), t.channel()];
    const first = await t.events({ channels });
    for (const channel of channels) await first.client.expect("subscribed", { channel });
    await writer.publish(channels[0]!, "a1");
    await writer.publish(channels[1]!, "b1");
    await first.client.records(channels[0]!, 1);
    await first.client.records(channels[1]!, 1);
    const id = first.stream.lastId!;
    holds(/^[\w.=,-]+$/.test(id), `the id ${id} has only the characters of the rule`);
    await first.client.drop();
    await writer.publish(channels[0]!, "a2");
    await writer.publish(channels[2]!, "c1");
    for (const how of [{ headers: { "last-event-id": id } }, { query: { after: id } }]) {
      const { client } = await t.events({ channels, ...how });
      equals((await client.records(channels[0]!, 1))[0]?.data, "a2", "the first channel");
      equals((await client.records(channels[2]!, 1))[0]?.data, "c1", "the last channel");
      await client.settle();
      equals(
        channels.flatMap((channel) => client.unreadRecords(channel)),
        [],
        "what came besides",
      );
    }
  });

  rule("SSE-5", "the header wins over after", EVENTS, async (t) => {
    const writer = await t.connect();
    const channel = t.channel();
    const [one, two] = await writer.publishAll(channel, [1, 2, 3]);
    const { client } = await t.events({
      channels: [channel],
      query: { after: one!.position! },
      headers: { "last-event-id": two!.position! },
    });
    equals((await client.records(channel, 1))[0]?.data, 3, "the first record");
  });

  rule("SSE-5", "a position that cannot be proven is reset before any record", EVENTS, async (t) => {
    const writer = await t.connect();
    const channel = t.channel();
    await writer.publish(channel, 1);
    const connection = await t.events({ channels: [channel], headers: { "last-event-id": "elsewhere.5.x" } });
    const subscribed = await connection.client.expect("subscribed");
    equals([subscribed.recovered, subscribed.reason], [false, "epoch_changed"], "recovered and reason");
    const reset = await connection.client.expect("reset", { channel });
    equals(eventOf(connection, "subscribed").id, undefined, "id of subscribed");
    equals(eventOf(connection, "reset").id, reset.position, "id of reset");
    await connection.client.records(channel, 1);
  });

  rule("SSE-5", "what is no id of several channels is refused", EVENTS, async (t) => {
    const refused = await t.eventsRefusal({
      channels: [t.channel(), t.channel()],
      headers: { "last-event-id": "?" },
    });
    equals([refused.status, refused.json?.["code"]], [400, "INVALID_POSITION"], "status and code");
  });

  rule(
    "SSE-6",
    "comments come, confirm nothing and are not waited for; ack confirms",
    {
      requires: ["http:events", "limit:ping_interval_secs"],
      isSlow: true,
    },
    async (t) => {
      const channel = t.channel();
      const { client, stream } = await t.events({ channels: [channel] });
      const [one, two] = await client.publishAll(channel, [1, 2]);
      await client.records(channel, 2);
      client.send({ type: "ack", positions: { [channel]: one!.position } });
      const { commentCount } = stream;
      await client.until("three comments", () =>
        stream.commentCount >= commentCount + 3 ? true : undefined,
      );
      await client.settle();
      await client.drop();
      const again = await t.connect({ sessionId: client.sessionId });
      const [frame] = await again.records(channel, 1);
      equals(frame?.position, two!.position, "the first record that comes again");
    },
  );

  rule(
    "SSE-7",
    "whoever is replaced gets the event end, with what a WebSocket is closed with",
    EVENTS,
    async (t) => {
      const first = await t.events();
      await t.connect({ sessionId: first.client.sessionId });
      const { name, id, data } = await lastEvent(first, 4409);
      equals([name, id], ["end", "end"], "name and id of the event");
      equals(messageOf({ name, id, data, retry: undefined })["retry"], "never", "its advice");
    },
  );

  rule(
    "SSE-7",
    "an expired credential gets the event close",
    {
      requires: ["http:events", "token:expiring"],
      isSlow: true,
    },
    async (t) => {
      const token = t.text("token:expiring").replace("{expires_at_ms}", String(Date.now() + 1_500));
      const { name, data } = await lastEvent(await t.events({ token }), 4001);
      equals(
        [name, messageOf({ name, id: undefined, data, retry: undefined })["retry"]],
        ["close", "resume"],
        "the event",
      );
    },
  );

  rule("SSE-8", "who comes back after the end is told to stay away", EVENTS, async (t) => {
    const answer = await t.eventsRefusal({ channels: [t.channel()], headers: { "last-event-id": "end" } });
    equals([answer.status, answer.text], [204, ""], "status and body");
  });

  rule(
    "SSE-9",
    "until=end closes behind the terminal record, and is answered with 204 after it",
    {
      requires: ["http:events", "handler:count"],
    },
    async (t) => {
      const starter = await t.connect();
      const { channel = "" } = await starter.execute(t.text("handler:count"), prompt("5 5"));
      const query = { until: "end", since: "start" };
      const connection = await t.events({ channels: [channel], query });
      const end = (await connection.client.recordsUntilEnd(channel)).at(-1)!;
      equals((await lastEvent(connection, 1000)).name, "end", "the last event");
      const back = await t.eventsRefusal({
        channels: [channel],
        query,
        headers: { "last-event-id": end.position },
      });
      equals(back.status, 204, "status of the next request");
    },
  );

  rule("SSE-9", "until=end needs one channel", EVENTS, async (t) => {
    const refused = await t.eventsRefusal({ channels: [t.channel(), t.channel()], query: { until: "end" } });
    equals([refused.status, refused.json?.["code"]], [400, "INVALID_MESSAGE"], "status and code");
  });

  rule(
    "SSE-10",
    "the end of a private channel is answered with 204 to who has it",
    {
      requires: ["http:events", "handler:count"],
    },
    async (t) => {
      const starter = await t.connect();
      const { channel = "" } = await starter.execute(t.text("handler:count"), prompt("2 1"));
      const { position } = (await starter.recordsUntilEnd(channel)).at(-1)!;
      equals(
        (await t.eventsRefusal({ channels: [channel], query: { after: position } })).status,
        204,
        "status",
      );
    },
  );

  rule("SSE-11", "a stream begins with a time to come back after", EVENTS, async (t) => {
    const { stream } = await t.events();
    const retryMs = Number(stream.events.find(({ retry }) => retry !== undefined)?.retry);
    holds(retryMs >= 100 && retryMs <= 60_000, `${retryMs} ms are a time to wait`);
  });

  rule(
    "SSE-12",
    "a browser that finds no place is asked to come back",
    { requires: ["http:events", "limit:max_connections_per_client"] },
    async (t) => {
      const clientId = t.freshName();
      for (let count = t.number("limit:max_connections_per_client"); count > 0; count -= 1)
        await t.connect({ clientId });
      const { client, stream } = await t.eventsUnwelcomed({
        clientId,
        headers: { accept: "text/event-stream" },
      });
      await client.expectClose(1013);
      equals(
        stream.events.map(({ name }) => name),
        ["message", "close"],
        "the events",
      );
      holds(Number(stream.events[0]?.retry) > 0, "the first says when to come back");
    },
  );

  rule(
    "SSE-13",
    "a client hops between WebSocket, events and pages at every record, and sees each once",
    EVENTS,
    async (t) => {
      const writer = await t.connect();
      const channel = t.channel();
      const { position = "" } = await writer.subscribe(channel);
      await writer.publishAll(
        channel,
        Array.from({ length: 9 }, (_, index) => index),
      );
      for (let offset = 0; offset < HOPS.length; offset += 1)
        await hopThrough(t, { channel, position, offset, count: 9 });
    },
  );

  rule(
    "SSE-13",
    "also through an execution that is under way",
    {
      requires: ["http:events", "handler:count"],
    },
    async (t) => {
      const starter = await t.connect();
      const channel = t.channel();
      const { position = "" } = await starter.subscribe(channel);
      await starter.execute(t.text("handler:count"), { channel, ...prompt("30 15") });
      const frames = await hopThrough(t, { channel, position, offset: 0, count: Number.POSITIVE_INFINITY });
      const text = frames.map(({ chunk }) => (chunk?.type === "text-delta" ? chunk.delta : "")).join("");
      equals(text, Array.from({ length: 30 }, (_, index) => `${index + 1} `).join(""), "the text");
    },
  );
});

interface HopPlan {
  readonly channel: string;
  readonly position: string;
  readonly offset: number;
  /** Records to see, unless a terminal record comes before. */
  readonly count: number;
}

/** The first record frame after a position, over one of the transports. */
type Hop = (t: Trial, channel: string, position: string) => Promise<RecordFrame | undefined>;

const HOPS: readonly Hop[] = [
  async (t, channel, position) => {
    const client = await t.connect();
    await client.subscribe(channel, { position });
    const [frame] = await client.records(channel, 1);
    await client.drop();
    return frame;
  },
  async (t, channel, position) => {
    const { client } = await t.events({ channels: [channel], headers: { "last-event-id": position } });
    const [frame] = await client.records(channel, 1);
    await client.drop();
    return frame;
  },
  async (t, channel, position) => {
    const query = `after=${encodeURIComponent(position)}&limit=1`;
    const { status, json } = await t.get(`/api/channels/${encodeURIComponent(channel)}/messages?${query}`);
    equals(status, 200, "status of the page");
    const [record] = (json?.["records"] ?? []) as WireMessage[];
    return record !== undefined && isRecordFrame(record) ? record : undefined;
  },
];

async function hopThrough(t: Trial, plan: HopPlan): Promise<readonly RecordFrame[]> {
  const frames: RecordFrame[] = [];
  let { position } = plan;
  let nextSeq = Number(position.split(".")[1]) + 1;
  const lastSeq = nextSeq + plan.count - 1;
  for (let turn = plan.offset; nextSeq <= lastSeq; turn += 1) {
    const frame = await HOPS[turn % HOPS.length]!(t, plan.channel, position);
    // A page may be empty while the execution is still at work.
    if (frame === undefined) continue;
    const { fromSeq, toSeq } = coverOf(frame);
    equals(fromSeq, nextSeq, `the record after ${nextSeq - 1}`);
    nextSeq = toSeq + 1;
    ({ position } = frame);
    frames.push(frame);
    if (frame.type === "execution_completed") break;
    isOneOf(frame.type, ["message", "chunk", "execution_started"], "type of the record");
  }
  return frames;
}
