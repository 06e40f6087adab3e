import { section } from "../case.ts";
import { isTerminal, seqOf } from "../clients/wire-message.ts";
import { within } from "../deadline.ts";
import { equals, holds } from "../expectation.ts";
import type { Trial } from "../trial.ts";
import { countTo, uncovered } from "./delivery.ts";
import { trimAfter } from "./positions.ts";
import { listedAs } from "./welcome.ts";

export const resuming = section("Resuming", (rule) => {
  rule("RES-1", "a session goes on after a lost connection, with what it follows", async (t) => {
    const { session, channel, writer } = await cutOff(t, { unseen: ["a", "b"] });
    const back = await t.connect({ sessionId: session });
    equals(back.welcome.resumed, true, "resumed");
    const frames = await back.recordsUntil(channel, ({ data }) => data === "b");
    equals(
      frames.slice(-2).map(({ data }) => data),
      ["a", "b"],
      "what was missed",
    );
    await writer.publish(channel, "c");
    equals((await back.records(channel, 1))[0]?.data, "c", "what comes live");
  });

  rule("RES-1", "losing a connection stops no execution", { requires: ["handler:count"] }, async (t) => {
    const client = await t.connect();
    const { execution_id, channel } = await client.execute(t.text("handler:count"), {
      input: { prompt: "40 10" },
    });
    await client.recordsUntil(channel!, ({ type }) => type === "chunk");
    await client.drop();
    const back = await t.connect({ sessionId: client.sessionId });
    const rest = await back.recordsUntilEnd(channel!, execution_id);
    equals(rest.at(-1)?.type, "execution_completed", "how it ended");
  });

  rule("RES-2", "resuming authenticates again", { requires: ["auth"] }, async (t) => {
    const client = await t.connect();
    await client.drop();
    const { sessionId } = client;
    equals((await t.refusal({ sessionId, token: null })).status, 401, "the status without a token");
    equals((await t.refusal({ sessionId, token: "wrong" })).status, 401, "the status with a wrong token");
    equals((await t.connect({ sessionId })).welcome.resumed, true, "resumed with the right one");
  });

  rule(
    "RES-2",
    "a subscription that is no longer allowed is listed as forbidden, and gone",
    { requires: ["token:alice", "token:alice_limited", "namespace:private"] },
    async (t) => {
      const token = t.text("token:alice");
      const clientId = `alice:${t.freshName()}`;
      const first = await t.connect({ token, clientId });
      const [open, closed] = [t.channel(), t.channel(t.text("namespace:private"))];
      await first.subscribe(open);
      await first.subscribe(closed);
      await first.publish(closed, "not to be replayed");
      await first.drop();
      const { sessionId } = first;
      const second = await t.connect({ token: t.text("token:alice_limited"), clientId, sessionId });
      const listed = listedAs(second.welcome, closed);
      equals(listed, { channel: closed, recovered: false, reason: "forbidden" }, "the entry in welcome");
      equals(listedAs(second.welcome, open)?.recovered, true, "recovered of the other channel");
      await second.settle();
      equals(second.unreadRecords(closed), [], "what was delivered of it");
      await second.drop();
      const third = await t.connect({ token, clientId, sessionId });
      equals(listedAs(third.welcome, closed), undefined, "the entry in the next welcome");
    },
  );

  rule("RES-3", "what was received but not confirmed comes again", async (t) => {
    const { session, channel } = await cutOff(t, { seen: ["a", "b"], unseen: ["c"] });
    const back = await t.connect({ sessionId: session });
    const frames = await back.records(channel, 3);
    equals(
      frames.map(({ data }) => data),
      ["a", "b", "c"],
      "what comes, in order",
    );
  });

  rule(
    "RES-4",
    "with positions=client nothing is delivered until the client has said its position",
    async (t) => {
      const { session, channel, places } = await cutOff(t, { seen: ["a", "b"], unseen: ["c"] });
      const back = await t.connect({ sessionId: session, arePositionsOwn: true });
      equals(listedAs(back.welcome, channel)?.recovered, true, "recovered in welcome");
      await back.publish(channel, "d");
      await back.settle();
      equals(back.unreadRecords(channel), [], "records before subscribe");
      equals((await back.subscribe(channel, { position: places[1] })).recovered, true, "recovered");
      const frames = await back.records(channel, 2);
      equals(
        frames.map(({ data }) => data),
        ["c", "d"],
        "what comes, in order",
      );
    },
  );

  rule("RES-4", "with positions=client the inboxes wait too", { requires: ["custom:send"] }, async (t) => {
    const first = await t.connect({ clientId: t.freshName() });
    const inbox = `~client:${first.clientId}`;
    const position = listedAs(first.welcome, inbox)?.position;
    await first.drop();
    const back = await t.connect({ sessionId: first.sessionId, arePositionsOwn: true });
    const payload = { to: { client: first.clientId }, data: "to the inbox" };
    await back.request({ type: "custom", action: t.text("custom:send"), payload }, "custom");
    await back.settle();
    equals(back.unreadRecords(inbox), [], "records before subscribe");
    await back.subscribe(inbox, { position });
    equals((await back.records(inbox, 1))[0]?.data, "to the inbox", "the record after it");
  });

  rule("RES-4", "with positions=client unsubscribe drops a subscription that waits", async (t) => {
    const { session, channel } = await cutOff(t, { unseen: ["a"] });
    const back = await t.connect({ sessionId: session, arePositionsOwn: true });
    await back.request({ type: "unsubscribe", channel }, "unsubscribed");
    await back.drop();
    const again = await t.connect({ sessionId: session });
    equals(listedAs(again.welcome, channel), undefined, "the channel in the next welcome");
  });

  rule(
    "RES-6",
    "where the confirmed position is gone, welcome says why and a reset comes before any record",
    { requires: ["namespace:short", "limit:short_records"] },
    async (t) => {
      const { session, channel } = await fallenBehind(t);
      const back = await t.connect({ sessionId: session });
      const listed = listedAs(back.welcome, channel);
      equals([listed?.recovered, listed?.reason], [false, "trimmed"], "recovered and reason in welcome");
      const [oldest] = await back.records(channel, 1);
      const about = back.received.filter((message) => message.channel === channel);
      equals(about[0]?.type, "reset", "the first message about the channel");
      equals([about[0]?.reason, about[0]?.position], ["trimmed", listed?.position], "the reset");
      equals(seqOf(oldest), seqOf(about[0]) + 1, "seq of the first record");
    },
  );

  rule(
    "RES-6",
    "a reset that was lost with its connection is said again",
    { requires: ["namespace:short", "limit:short_records"] },
    async (t) => {
      const { session, channel } = await fallenBehind(t);
      for (let round = 0; round < 2; round += 1) {
        const back = await t.connect({ sessionId: session, answersPings: false });
        equals(listedAs(back.welcome, channel)?.recovered, false, `recovered, round ${round}`);
        equals((await back.expect("reset")).channel, channel, `the channel of the reset, round ${round}`);
        await back.drop();
      }
    },
  );

  rule(
    "RES-6",
    "with positions=client there is no reset before the client has asked",
    { requires: ["namespace:short", "limit:short_records"] },
    async (t) => {
      const { session, channel, position } = await fallenBehind(t);
      const back = await t.connect({ sessionId: session, arePositionsOwn: true });
      equals(listedAs(back.welcome, channel)?.recovered, false, "recovered in welcome");
      await back.settle();
      equals(back.unread("reset"), [], "resets before subscribe");
      const answer = await back.subscribe(channel, { position });
      equals([answer.recovered, answer.reason], [false, "trimmed"], "the answer to subscribe");
      equals((await back.expect("reset")).reason, "trimmed", "the reason of the reset");
    },
  );

  rule(
    "RES-7",
    "the time to live counts from the end of the last connection",
    { requires: ["limit:session_ttl_secs", "limit:ping_interval_secs"], isSlow: true },
    async (t) => {
      const ttlMs = t.number("limit:session_ttl_secs") * 1_000;
      const client = await t.connect();
      await t.elapse(ttlMs + 500, "longer than the time to live, connected");
      await client.drop();
      await t.elapse(ttlMs / 4, "less than the time to live, away");
      equals((await t.connect({ sessionId: client.sessionId })).welcome.resumed, true, "resumed");
    },
  );

  rule("RES-8", "a session is as it was after a connection that was reset", async (t) => {
    const raw = await t.raw();
    const channel = t.channel();
    const { message } = await raw.expect("welcome");
    raw.send({ type: "subscribe", id: "s", channel });
    await raw.expect("subscribed");
    raw.reset();
    const back = await t.connect({ sessionId: String(message.session_id) });
    equals(back.welcome.resumed, true, "resumed");
    equals(listedAs(back.welcome, channel)?.recovered, true, "recovered of its channel");
  });

  rule("RES-9", "a position can be used by any session", async (t) => {
    const { channel, places } = await cutOff(t, { seen: ["a"], unseen: ["b"] });
    const other = await t.connect({ sessionId: t.freshName() });
    equals(other.welcome.resumed, false, "resumed");
    equals((await other.subscribe(channel, { position: places[0] })).recovered, true, "recovered");
    equals((await other.records(channel, 1))[0]?.data, "b", "the record after it");
  });

  rule(
    "RES-10",
    "the newer connection wins; the older one is closed with 4409 and gets nothing more",
    async (t) => {
      const writer = await t.connect();
      const older = await t.connect();
      const channel = t.channel();
      await older.subscribe(channel);
      const newer = await t.connect({ sessionId: older.sessionId });
      equals(newer.welcome.resumed, true, "resumed");
      await writer.publish(channel, "for the newer");
      equals((await newer.records(channel, 1))[0]?.data, "for the newer", "what the newer one gets");
      await older.expectClose(4409);
      equals(older.unreadRecords(channel), [], "what the older one gets");
    },
  );

  rule("RES-10", "of connections that race for a session exactly one stays", async (t) => {
    const first = await t.connect();
    const { sessionId } = first;
    const racers = await Promise.all(Array.from({ length: 3 }, () => t.open({ sessionId })));
    const codes: number[] = [];
    const { promise: othersClosed, resolve } = Promise.withResolvers<void>();
    for (const one of [first, ...racers]) {
      void one.closed.then(({ code }) => {
        codes.push(code);
        if (codes.length === racers.length) resolve();
      });
    }
    await within(t.deadlineMs, "the close of all but one", othersClosed);
    equals(codes, [4409, 4409, 4409], "the close codes of the others");
    const left = racers.find(({ webSocket }) => webSocket.readyState === webSocket.OPEN);
    holds(left !== undefined, "one of the newer ones is open");
    await left.welcomed();
    await left.settle();
  });

  rule("RES-10", "a takeover in the middle of a stream loses nothing", async (t) => {
    const writer = await t.connect();
    const channel = t.channel();
    let reader = await t.connect();
    let { position } = await reader.subscribe(channel);
    const publishing = writer.publishAll(channel, countTo(200));
    const seen: unknown[] = [];
    for (let round = 0; round < 5; round += 1) {
      for (const frame of await reader.records(channel, 10)) {
        seen.push(frame.data);
        position = frame.position;
      }
      const older = reader;
      reader = await t.connect({ sessionId: older.sessionId, arePositionsOwn: true });
      await older.expectClose(4409);
      await reader.subscribe(channel, { position });
    }
    await publishing;
    const rest = await reader.recordsUntil(channel, (frame) => seqOf(frame) === 200);
    equals([...seen, ...rest.map(({ data }) => data)].length, 200, "the number of records, each once");
    equals(uncovered(rest), [], "seqs that are covered not once");
  });

  rule(
    "RES-10",
    "a takeover leaves the subscriptions and executions of the session as they are",
    { requires: ["handler:count"] },
    async (t) => {
      const older = await t.connect();
      const { execution_id, channel } = await older.execute(t.text("handler:count"), {
        input: { prompt: "30 10" },
        on_unwatched: { cancel_after: 5 },
      });
      await older.recordsUntil(channel!, ({ type }) => type === "chunk");
      const newer = await t.connect({ sessionId: older.sessionId });
      const frames = await newer.recordsUntilEnd(channel!, execution_id);
      equals(
        frames.filter(isTerminal).map(({ type }) => type),
        ["execution_completed"],
        "how it ended",
      );
    },
  );
});

interface Cut {
  /** Received before the cut, but not confirmed. */
  readonly seen?: readonly unknown[];
  /** Published after it. */
  readonly unseen?: readonly unknown[];
}

/** A session that lost its connection in a channel with records. */
async function cutOff(t: Trial, { seen = [], unseen = [] }: Cut) {
  const writer = await t.connect();
  const client = await t.connect();
  const channel = t.channel();
  await client.subscribe(channel);
  client.answersPings = false;
  for (const data of seen) await writer.publish(channel, data);
  const frames = seen.length === 0 ? [] : await client.records(channel, seen.length);
  await client.drop();
  for (const data of unseen) await writer.publish(channel, data);
  return { session: client.sessionId, channel, writer, places: frames.map(({ position }) => position) };
}

/** A session whose confirmed position in a channel is no longer kept. */
async function fallenBehind(t: Trial) {
  const client = await t.connect();
  const channel = t.channel(t.text("namespace:short"));
  await client.subscribe(channel);
  client.answersPings = false;
  await client.publish(channel, "first");
  const position = (await client.records(channel, 1))[0]!.position;
  client.send({ type: "ack", positions: { [channel]: position } });
  await client.settle();
  await client.drop();
  await trimAfter(t, await t.connect(), channel, position);
  return { session: client.sessionId, channel, position };
}
