import { section } from "../case.ts";
import { equals, holds } from "../expectation.ts";
import type { Trial } from "../trial.ts";
import { prompt } from "./running.ts";
import { signalledBy } from "./signals.ts";

const EVENTS = { requires: ["http:events"] } as const;
const CONNECTION_ID = "connection_id";

async function connected(t: Trial, node?: number) {
  const { client, stream } = await t.events({
    clientId: t.freshName(),
    ...(node === undefined ? {} : { node }),
  });
  const id = String(client.welcome.connection_id);
  const post = (
    body: unknown,
    query: Readonly<Record<string, string>> = {},
    options: { node?: number } = {},
  ) => t.post(body, { [CONNECTION_ID]: id, ...query }, options);
  return { client, stream, id, post };
}

export const httpCommands = section("Commands over HTTP", (rule) => {
  rule(
    "HTC-1",
    "publish is answered with its receipt, and once carried out for each id",
    EVENTS,
    async (t) => {
      const [channel, clientId] = [t.channel(), t.freshName()];
      const reader = await t.connect();
      await reader.subscribe(channel);
      const command = { type: "publish", id: t.freshName(), channel, data: 1 };
      const first = await t.post(command, { client_id: clientId });
      const [frame] = await reader.records(channel, 1);
      equals(
        [first.status, first.json],
        [200, { type: "receipt", ref: command.id, status: "applied", position: frame?.position }],
        "the answer",
      );
      equals(frame?.sender, clientId, "sender of the record");
      const again = await t.post(command, { client_id: clientId });
      equals(again.json, first.json, "the answer to the same again");
    },
  );

  rule("HTC-1", "a rejection has the status of its error", EVENTS, async (t) => {
    const command = { type: "execute", id: "1", handler: "no-such-handler-anywhere", input: null };
    const { status, json } = await t.post(command);
    const error = json?.["error"] as { code?: string } | undefined;
    equals([status, json?.["status"], error?.code], [404, "rejected", "UNKNOWN_HANDLER"], "the answer");
  });

  rule(
    "HTC-1",
    "what is not allowed is refused",
    { requires: ["http:events", "namespace:forbidden"] },
    async (t) => {
      const channel = t.channel(t.text("namespace:forbidden"));
      const { status, json } = await t.post({ type: "publish", id: "1", channel, data: 1 });
      equals([status, json?.["code"]], [403, "FORBIDDEN"], "status and code");
    },
  );

  rule(
    "HTC-2",
    "an execution is read from the position of its receipt, and its end is waited for",
    {
      requires: ["http:events", "handler:count"],
    },
    async (t) => {
      const command = {
        type: "execute",
        id: t.freshName(),
        handler: t.text("handler:count"),
        ...prompt("100000 20"),
      };
      const { status, json } = await t.post(command, { client_id: t.freshName() });
      equals([status, json?.["status"]], [202, "accepted"], "the receipt");
      const [channel, execution_id] = [String(json?.["channel"]), json?.["execution_id"]];
      const { client } = await t.events({
        channels: [channel],
        query: { after: String(json?.["position"]) },
      });
      const [started] = await client.records(channel, 1);
      equals([started?.type, started?.execution_id], ["execution_started", execution_id], "the first record");
      const cancelled = await t.post({ type: "cancel", id: t.freshName(), execution_id }, { wait: "final" });
      equals([cancelled.status, cancelled.json?.["status"]], [200, "applied"], "the final receipt");
      equals((await client.recordsUntilEnd(channel)).at(-1)?.type, "execution_cancelled", "the end");
    },
  );

  rule(
    "HTC-3",
    "a signal has no answer, and a message that needs a connection is refused",
    EVENTS,
    async (t) => {
      const channel = t.channel();
      const reader = await t.connect();
      await reader.subscribe(channel);
      const signal = await signalledBy(t, reader, async () => {
        equals((await t.post({ type: "signal", channel, data: "hey" })).status, 204, "status of a signal");
      });
      equals(signal.data, "hey", "the signal");
      const { status, json } = await t.post({ type: "subscribe", channel });
      equals([status, json?.["code"]], [400, "INVALID_MESSAGE"], "a subscribe");
    },
  );

  rule("HTC-4", "messages are taken in order and answered over the stream", EVENTS, async (t) => {
    const { client, post } = await connected(t);
    const channel = t.channel();
    const publish = (data: number) => ({ type: "publish", id: `p${data}`, channel, data });
    const taken = await post([{ type: "subscribe", id: "s", channel }, publish(1), publish(2), publish(3)]);
    equals(taken.status, 202, "status");
    equals((await client.answerTo("s")).type, "subscribed", "the first answer");
    equals(
      (await client.records(channel, 3)).map(({ data }) => data),
      [1, 2, 3],
      "the records",
    );
    equals((await client.answerTo("p3")).status, "applied", "status of the last receipt");
  });

  rule("HTC-4", "more than 256 messages are refused, and none of them is taken", EVENTS, async (t) => {
    const { client, post } = await connected(t);
    const { status, json } = await post(Array.from({ length: 257 }, () => ({ type: "ping", id: "many" })));
    equals([status, json?.["code"]], [400, "INVALID_MESSAGE"], "status and code");
    await client.settle();
    equals(client.unread("pong"), [], "pongs");
  });

  rule(
    "HTC-5",
    "nobody else may speak for the connection",
    { requires: ["http:events", "token:alice", "token:bob"] },
    async (t) => {
      const { client } = await t.events({ token: t.text("token:alice") });
      const query = { [CONNECTION_ID]: String(client.welcome.connection_id) };
      const foreign = await t.post({ type: "ping" }, query, { token: t.text("token:bob") });
      equals([foreign.status, foreign.json?.["code"]], [403, "FORBIDDEN"], "another subject");
      equals(
        (await t.post({ type: "ping", id: "own" }, query, { token: t.text("token:alice") })).status,
        202,
        "status of the own",
      );
      await client.answerTo("own");
    },
  );

  rule("HTC-5", "a WebSocket takes its messages itself", EVENTS, async (t) => {
    const client = await t.connect();
    const { status, json } = await t.post(
      { type: "ping" },
      { [CONNECTION_ID]: String(client.welcome.connection_id) },
    );
    equals([status, json?.["code"]], [400, "INVALID_MESSAGE"], "status and code");
  });

  rule("HTC-6", "a connection that is gone is answered with what to do", EVENTS, async (t) => {
    const { client, id } = await connected(t);
    await client.drop();
    const untilMs = performance.now() + t.deadlineMs;
    for (;;) {
      // Its end takes a moment to be known to the server.
      const { status, json } = await t.post({ type: "ping" }, { [CONNECTION_ID]: id });
      if (status === 202 && performance.now() < untilMs) continue;
      equals([status, json?.["code"]], [410, "CONNECTION_GONE"], "the one that was dropped");
      break;
    }
    equals(
      (await t.post({ type: "ping" }, { [CONNECTION_ID]: "never-was" })).status,
      410,
      "one that never was",
    );
  });

  rule(
    "HTC-7",
    "a request is taken once for its seq, and not before the one before it",
    EVENTS,
    async (t) => {
      const { client, post } = await connected(t);
      const ping = (id: string) => ({ type: "ping", id });
      for (const [id, seq, status] of [
        ["first", "1", 202],
        ["again", "1", 202],
        ["third", "3", 400],
        ["second", "2", 202],
      ] as const) {
        equals((await post(ping(id), { seq })).status, status, `status of ${id}`);
      }
      await client.answerTo("second");
      equals(
        client.received.filter(({ type }) => type === "pong").map(({ ref }) => ref),
        ["first", "second"],
        "pongs",
      );
    },
  );

  rule(
    "HTC-8",
    "of many at once each is taken or refused as too many, and what is taken is answered",
    EVENTS,
    async (t) => {
      const { client, post } = await connected(t);
      const ids = Array.from({ length: 40 }, (_, index) => `n${index}`);
      const answers = await Promise.all(ids.map((id) => post({ type: "ping", id })));
      for (const [index, { status, json }] of answers.entries()) {
        if (status === 202) await client.answerTo(ids[index]!);
        else equals([status, json?.["code"]], [429, "TOO_MANY_MESSAGES"], "a refusal");
      }
      holds(
        answers.some(({ status }) => status === 202),
        "some are taken",
      );
    },
  );

  rule(
    "HTC-9",
    "any node takes messages for the connection, and none is lost or turned round",
    {
      requires: ["http:events", "nodes:two"],
    },
    async (t) => {
      const { client, post } = await connected(t, 0);
      const channel = t.channel();
      await client.subscribe(channel);
      for (let number = 1; number <= 6; number += 1) {
        const command = { type: "publish", id: `p${number}`, channel, data: number };
        equals(
          (await post(command, { seq: String(number + 1_000) }, { node: number % 2 })).status,
          400,
          "a seq ahead",
        );
        equals((await post(command, {}, { node: number % 2 })).status, 202, `status of ${number}`);
      }
      equals(
        (await client.records(channel, 6)).map(({ data }) => data),
        [1, 2, 3, 4, 5, 6],
        "the records",
      );
    },
  );

  rule(
    "HTC-10",
    "pages of an allowed origin may ask, and read answers and refusals",
    {
      requires: ["http:events", "origin:allowed"],
    },
    async (t) => {
      const origin = t.text("origin:allowed");
      for (const path of ["/api/commands", "/events"]) {
        const { status, headers } = await t.preflight(path, origin);
        equals([status, headers["access-control-allow-origin"]], [204, origin], `the question about ${path}`);
        holds(headers.vary?.includes("Origin") === true, "Vary names Origin");
        holds(
          headers["access-control-allow-headers"]?.includes("authorization") === true,
          "authorization is allowed",
        );
      }
      const refused = await t.eventsRefusal({ token: "wrong", headers: { origin } });
      equals(refused.headers["access-control-allow-origin"], origin, "a refusal");
      const { stream } = await t.events({ headers: { origin } });
      equals(stream.response.headers["access-control-allow-origin"], origin, "a stream");
    },
  );

  rule(
    "HTC-10",
    "pages of other origins are refused",
    { requires: ["http:events", "origin:refused"] },
    async (t) => {
      const origin = t.text("origin:refused");
      const { headers } = await t.preflight("/api/commands", origin);
      equals(
        headers["access-control-allow-origin"],
        undefined,
        "the origin that the answer to the question names",
      );
      equals((await t.eventsRefusal({ headers: { origin } })).status, 403, "status of a stream");
    },
  );
});
