import { section } from "../case.ts";
import { positionOf, seqOf, type WireMessage } from "../clients/wire-message.ts";
import { equals, holds } from "../expectation.ts";

export const welcome = section("Welcome", (rule) => {
  rule("HS-1", "welcome is the first message, comes once, and has all its fields", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    await client.publish(channel, 1);
    await client.settle();
    equals(
      client.received.map(({ type }) => type === "welcome"),
      client.received.map((_message, index) => index === 0),
      "welcome among what has arrived",
    );
    const { connection_id, session_id, client_id, server_version, resumed, subscriptions } = client.welcome;
    for (const text of [connection_id, session_id, client_id, server_version])
      holds(typeof text === "string" && text !== "", "the ids and the version are texts");
    equals([resumed, Array.isArray(subscriptions)], [false, true], "resumed, and whether there is a list");
  });

  rule("HS-1", "a session that was welcomed is stored: it can be resumed at once", async (t) => {
    const first = await t.connect();
    await first.drop();
    const second = await t.connect({ sessionId: first.sessionId });
    equals([second.sessionId, second.welcome.resumed], [first.sessionId, true], "session_id and resumed");
    holds(second.welcome.connection_id !== first.welcome.connection_id, "the connection is another one");
  });

  rule("HS-2", "messages that were sent before welcome has arrived are handled after it", async (t) => {
    const client = await t.open();
    const channel = t.channel();
    client.send({ type: "subscribe", id: "s", channel });
    client.send({ type: "publish", id: "p", channel, data: "early" });
    await client.welcomed();
    equals((await client.answerTo("s")).type, "subscribed", "the answer to subscribe");
    equals((await client.answerTo("p")).status, "applied", "the status of the publish");
    equals((await client.records(channel, 1))[0]?.data, "early", "data of the record");
    equals(client.received[0]?.type, "welcome", "the first message");
  });

  rule(
    "HS-3",
    "welcome lists what the session follows, and delivery continues right after each position",
    async (t) => {
      const publisher = await t.connect();
      const first = await t.connect();
      const channels = [t.channel(), t.channel()];
      for (const channel of channels) await first.subscribe(channel);
      await first.drop();
      for (const channel of channels) await publisher.publishAll(channel, ["a", "b"]);
      const second = await t.connect({ sessionId: first.sessionId });
      for (const channel of channels) {
        const listed = listedAs(second.welcome, channel);
        equals(listed?.recovered, true, `recovered of ${channel}`);
        const frames = await second.records(channel, 2);
        equals(
          frames.map(({ data }) => data),
          ["a", "b"],
          "what was published while nobody was connected",
        );
        equals(seqOf(frames[0]), positionOf(listed?.position).seq + 1, "seq of the first record");
      }
    },
  );

  rule("HS-4", "a session follows its inbox, that of its client and that of all", async (t) => {
    const { welcome: message, sessionId, clientId } = await t.connect();
    const names = message.subscriptions?.map(({ channel }) => channel).sort();
    equals(
      names,
      ["~all", `~client:${clientId}`, `~session:${sessionId}`],
      "the channels of a fresh session",
    );
    for (const { position, recovered } of message.subscriptions ?? []) {
      positionOf(position);
      equals(recovered, true, "recovered");
    }
  });

  rule("HS-4", "what is sent to an inbox arrives", { requires: ["custom:send"] }, async (t) => {
    const sender = await t.connect({ node: 0 });
    const client = await t.connect({ node: 0 });
    const send = (to: object) =>
      sender.request({ type: "custom", action: t.text("custom:send"), payload: { to, data: to } }, "custom");
    const { connection_id: session } = client.welcome;
    for (const [to, inbox] of [
      [{ session }, `~session:${client.sessionId}`],
      [{ client: client.clientId }, `~client:${client.clientId}`],
    ] as const) {
      await send(to);
      equals((await client.records(inbox, 1))[0]?.data, to, `data of the record in ${inbox}`);
    }
    const everyone = { all: true, run: t.freshName() };
    await send(everyone);
    await client.recordsUntil("~all", ({ data }) => JSON.stringify(data) === JSON.stringify(everyone));
  });

  rule(
    "HS-4",
    "what is sent to an inbox while the session is away is there when it comes back",
    { requires: ["custom:send"] },
    async (t) => {
      const sender = await t.connect();
      const client = await t.connect({ clientId: t.freshName() });
      await client.drop();
      for (const data of [1, 2]) {
        const payload = { to: { client: client.clientId }, data };
        await sender.request({ type: "custom", action: t.text("custom:send"), payload }, "custom");
      }
      const back = await t.connect({ sessionId: client.sessionId });
      const frames = await back.records(`~client:${client.clientId}`, 2);
      equals(
        frames.map(({ data }) => data),
        [1, 2],
        "what was sent meanwhile",
      );
    },
  );

  rule("HS-5", "a session that goes on is resumed, with its id and without a reason", async (t) => {
    const first = await t.connect();
    await first.close();
    const { resumed, session_id, reason } = (await t.connect({ sessionId: first.sessionId })).welcome;
    equals([resumed, session_id, reason], [true, first.sessionId, undefined], "resumed, session_id, reason");
  });

  rule("HS-5", "a session that nobody knows: fresh, unknown_session", async (t) => {
    const asked = t.freshName();
    const { welcome: message, sessionId } = await t.connect({ sessionId: asked });
    equals([message.resumed, message.reason], [false, "unknown_session"], "resumed and reason");
    holds(sessionId !== asked, "the session has an id of the server's making");
  });

  rule(
    "HS-5",
    "a session of another client: fresh, foreign_session, and it goes on for its owner",
    async (t) => {
      const owner = await t.connect({ clientId: t.freshName() });
      const other = await t.connect({ clientId: t.freshName(), sessionId: owner.sessionId });
      equals([other.welcome.resumed, other.welcome.reason], [false, "foreign_session"], "resumed and reason");
      holds(other.sessionId !== owner.sessionId, "the session is another one");
      await owner.settle();
    },
  );

  rule(
    "HS-5",
    "a session of another subject: fresh, foreign_session",
    { requires: ["token:alice", "token:bob"] },
    async (t) => {
      const owner = await t.connect({ token: t.text("token:alice") });
      const other = await t.connect({ token: t.text("token:bob"), sessionId: owner.sessionId });
      equals([other.welcome.resumed, other.welcome.reason], [false, "foreign_session"], "resumed and reason");
      holds(other.clientId.startsWith("bob"), `the client is ${other.clientId}`);
    },
  );

  rule(
    "HS-5",
    "a session that was away for too long: fresh, expired_session or unknown_session",
    { requires: ["limit:session_ttl_secs"], isSlow: true },
    async (t) => {
      const first = await t.connect();
      await first.drop();
      await t.elapse(
        t.number("limit:session_ttl_secs") * 1_000 + 1_500,
        "the session expires, also where its loss was noticed late",
      );
      const { welcome: message, sessionId } = await t.connect({ sessionId: first.sessionId });
      equals(message.resumed, false, "resumed");
      holds(
        ["expired_session", "unknown_session"].includes(message.reason ?? ""),
        `reason is ${message.reason}`,
      );
      holds(sessionId !== first.sessionId, "the session is another one");
    },
  );
});

export function listedAs({ subscriptions }: WireMessage, channel: string) {
  return subscriptions?.find((one) => one.channel === channel);
}
