import { section } from "../case.ts";
import { seqOf } from "../clients/wire-message.ts";
import { equals, holds, shown } from "../expectation.ts";
import { channelWithRecords, trimAfter } from "./positions.ts";
import { listedAs } from "./welcome.ts";

export const subscribing = section("Subscribing", (rule) => {
  rule("SUB-1", "no record of a new subscription comes before subscribed", async (t) => {
    const publisher = await t.connect();
    const channel = t.channel();
    const items = Array.from({ length: 100 }, (_, index) => index);
    const publishing = publisher.publishAll(channel, items);
    const client = await t.connect();
    await client.subscribe(channel, { since: "start" });
    await publishing;
    await client.recordsUntil(channel, (frame) => seqOf(frame) === items.length);
    const types = client.received.filter((message) => message.channel === channel).map(({ type }) => type);
    equals(types[0], "subscribed", "the first message about the channel");
    equals(types.length, items.length + 1, "the number of messages about the channel");
  });

  rule("SUB-1", "a subscription that was answered is stored", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    await client.drop();
    const back = await t.connect({ sessionId: client.sessionId });
    equals(listedAs(back.welcome, channel)?.recovered, true, "recovered of the channel in welcome");
  });

  rule("SUB-2", "the first record delivered is the one right after position in subscribed", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 4);
    const { position } = await client.subscribe(channel, { position: places[2] });
    equals(
      seqOf((await client.records(channel, 1))[0]),
      seqOf({ type: "", position: position! }) + 1,
      "its seq",
    );
  });

  rule("SUB-3", "without a position, and with since head, delivery starts at the head", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 3);
    for (const fields of [{}, { since: "head" }]) {
      const answer = await client.subscribe(channel, fields);
      equals([answer.position, answer.recovered], [places.at(-1), true], `the answer with ${shown(fields)}`);
      equals("reason" in answer, false, "whether there is a reason");
    }
    await client.publish(channel, "next");
    equals((await client.records(channel, 1))[0]?.data, "next", "the first record delivered");
  });

  rule("SUB-3", "with since start, delivery starts before the oldest record", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 3);
    const answer = await client.subscribe(channel, { since: "start" });
    equals([answer.position, answer.recovered], [places[0], true], "position and recovered");
    equals((await client.records(channel, 3)).map(seqOf), [1, 2, 3], "the seqs delivered");
  });

  rule("SUB-3", "a since that is not known is refused", async (t) => {
    const client = await t.connect();
    for (const since of ["begin", "", 0, null]) {
      const answer = await client.ask({ type: "subscribe", channel: t.channel(), since });
      equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], `the answer to since ${shown(since)}`);
    }
  });

  rule(
    "SUB-4",
    "with a provable position delivery starts right after it, and since is ignored",
    async (t) => {
      const { client, channel, places } = await channelWithRecords(t, 3);
      for (const since of ["start", "head"]) {
        const answer = await client.subscribe(channel, { position: places[1], since });
        equals([answer.position, answer.recovered], [places[1], true], "position and recovered");
        equals((await client.records(channel, 2)).map(seqOf), [2, 3], "the seqs delivered");
      }
    },
  );

  rule("SUB-5", "with a position that is not provable a reset comes before any record", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 3);
    client.send({ type: "subscribe", id: "s", channel, position: "nowhere.7.x" });
    await client.records(channel, 3);
    const about = client.received.slice(client.received.findIndex(({ ref }) => ref === "s"));
    equals(
      about.filter((message) => message.channel === channel).map(({ type }) => type),
      ["subscribed", "reset", "message", "message", "message"],
      "the messages about the channel, in order",
    );
    const [subscribed, reset] = about;
    equals(reset?.position, places[0], "position of the reset");
    equals(reset?.reason, subscribed?.reason, "reason of the reset");
  });

  rule(
    "SUB-5",
    "delivery starts before the oldest record that is kept",
    { requires: ["namespace:short", "limit:short_records"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel(t.text("namespace:short"));
      const first = await client.publish(channel, 0);
      const answer = await trimAfter(t, client, channel, first.position!);
      const reset = await client.expect("reset");
      // Before the reset there may be records of an earlier try, when nothing was trimmed yet.
      const oldest = await client.until("a record behind the reset", () =>
        client.received
          .slice(client.received.indexOf(reset))
          .find((frame) => frame.channel === channel && frame.type === "message"),
      );
      equals(reset.position, answer.position, "position of reset and of subscribed");
      equals(seqOf(oldest), seqOf(reset) + 1, "seq of the oldest record");
      holds(seqOf(oldest) > seqOf(first) + 1, "the record after the position is not among them");
      const other = await t.connect();
      const again = await other.subscribe(channel, { since: "start" });
      equals(seqOf(again), seqOf(reset), "where since start begins");
    },
  );

  rule(
    "SUB-6",
    "initial_state comes with subscribed",
    { requires: ["namespace:initial_state"] },
    async (t) => {
      const client = await t.connect();
      const answer = await client.subscribe(t.channel(t.text("namespace:initial_state")));
      holds("initial_state" in answer, "subscribed has an initial_state");
    },
  );

  rule("SUB-7", "subscribing again moves the subscription, back and forth", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 4);
    await client.subscribe(channel, { since: "start" });
    equals((await client.records(channel, 4)).map(seqOf), [1, 2, 3, 4], "from the start");
    await client.subscribe(channel, { position: places[2] });
    equals((await client.records(channel, 2)).map(seqOf), [3, 4], "from the second record");
    await client.subscribe(channel, { position: places[1] });
    await client.subscribe(channel);
    await client.publish(channel, "last");
    const rest = await client.recordsUntil(channel, ({ data }) => data === "last");
    equals(seqOf(rest.at(-1)), 5, "seq of the record after the move to the head");
  });

  rule("SUB-8", "an inbox of one's own session can be subscribed to with a position only", async (t) => {
    const client = await t.connect();
    for (const { channel, position } of client.welcome.subscriptions ?? []) {
      equals(
        (await client.ask({ type: "subscribe", channel })).code,
        "FORBIDDEN",
        `${channel} without position`,
      );
      const answer = await client.subscribe(channel, { position });
      equals(answer.recovered, true, `recovered of ${channel} with its position`);
    }
  });

  rule("SUB-8", "every other name that starts with ~ is refused with FORBIDDEN", async (t) => {
    const [client, other] = [await t.connect(), await t.connect()];
    const inboxes = (other.welcome.subscriptions ?? []).filter(({ channel }) => channel !== "~all");
    for (const { channel, position } of [...inboxes, { channel: "~mine", position: "e.0.0" }]) {
      for (const fields of [{}, { position }, { since: "start" }]) {
        const answer = await client.ask({ type: "subscribe", channel, ...fields });
        equals([answer.type, answer.code], ["error", "FORBIDDEN"], `${channel} with ${shown(fields)}`);
      }
    }
  });

  rule(
    "SUB-9",
    "without the permission the answer is FORBIDDEN",
    { requires: ["namespace:forbidden"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel(t.text("namespace:forbidden"));
      for (const fields of [{}, { since: "start" }, { position: "e.0.0" }]) {
        const answer = await client.ask({ type: "subscribe", channel, ...fields });
        equals(
          [answer.type, answer.code],
          ["error", "FORBIDDEN"],
          `the answer to subscribe with ${shown(fields)}`,
        );
      }
      await client.drop();
      const back = await t.connect({ sessionId: client.sessionId });
      equals(listedAs(back.welcome, channel), undefined, "the channel in welcome");
    },
  );

  rule(
    "SUB-10",
    "beyond the limit the answer is TOO_MANY_SUBSCRIPTIONS; inboxes do not count",
    { requires: ["limit:max_subscriptions"] },
    async (t) => {
      const client = await t.connect();
      const channels = Array.from({ length: t.number("limit:max_subscriptions") }, () => t.channel());
      for (const channel of channels) await client.subscribe(channel);
      const refused = await client.ask({ type: "subscribe", channel: t.channel() });
      equals([refused.type, refused.code], ["error", "TOO_MANY_SUBSCRIPTIONS"], "the answer to one more");
      await client.subscribe(channels[0]!, { since: "start" });
      await client.request({ type: "unsubscribe", channel: channels[1] }, "unsubscribed");
      await client.subscribe(t.channel());
    },
  );

  rule(
    "SUB-10",
    "subscriptions that are asked for all at once do not get past the limit",
    { requires: ["limit:max_subscriptions"] },
    async (t) => {
      const client = await t.connect();
      const limit = t.number("limit:max_subscriptions");
      const asked = Array.from({ length: limit + 5 }, () =>
        client.ask({ type: "subscribe", channel: t.channel() }),
      );
      const types = (await Promise.all(asked)).map(({ type }) => type);
      equals(types.filter((type) => type === "subscribed").length, limit, "the number that was made");
    },
  );

  rule("SUB-11", "after unsubscribed no record of the channel comes", async (t) => {
    const [client, publisher] = [await t.connect(), await t.connect()];
    const [channel, marker] = [t.channel(), t.channel()];
    await client.subscribe(channel);
    await client.subscribe(marker);
    const publishing = publisher.publishAll(
      channel,
      Array.from({ length: 100 }, (_, index) => index),
    );
    await client.records(channel, 1);
    await client.request({ type: "unsubscribe", channel }, "unsubscribed");
    await publishing;
    await publisher.publish(marker, 1);
    await client.records(marker, 1);
    const end = client.received.findIndex(({ type }) => type === "unsubscribed");
    const late = client.received.slice(end).filter((message) => message.channel === channel);
    equals(late.length, 1, "the number of messages about the channel from unsubscribed on");
  });

  rule("SUB-11", "a channel that is not followed is answered with NOT_SUBSCRIBED", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    const answer = await client.ask({ type: "unsubscribe", channel });
    equals([answer.type, answer.code], ["error", "NOT_SUBSCRIBED"], "the answer");
    await client.subscribe(channel);
    await client.request({ type: "unsubscribe", channel }, "unsubscribed");
    equals((await client.ask({ type: "unsubscribe", channel })).code, "NOT_SUBSCRIBED", "the second time");
  });

  rule("SUB-11", "inboxes cannot be unsubscribed", async (t) => {
    const client = await t.connect();
    for (const { channel } of client.welcome.subscriptions ?? []) {
      const answer = await client.ask({ type: "unsubscribe", channel });
      equals(answer.type, "error", `the answer to unsubscribe ${channel}`);
    }
    await client.drop();
    const back = await t.connect({ sessionId: client.sessionId });
    equals(back.welcome.subscriptions?.length, 3, "the number of channels that the session follows");
  });

  rule(
    "SUB-12",
    "requests for one channel are carried out in the order in which they were sent",
    async (t) => {
      const { client, channel } = await channelWithRecords(t, 3);
      const requests = [
        ["subscribe", "subscribed"],
        ["unsubscribe", "unsubscribed"],
        ["unsubscribe", "error"],
        ["subscribe", "subscribed"],
        ["subscribe", "subscribed"],
        ["unsubscribe", "unsubscribed"],
      ] as const;
      const from = client.received.length;
      for (const [index, [type]] of requests.entries())
        client.send({ type, id: `r${index}`, channel, ...(type === "subscribe" ? { since: "start" } : {}) });
      await client.answerTo(`r${requests.length - 1}`);
      const answers = client.received.slice(from).filter(({ ref }) => ref !== undefined);
      equals(
        answers.map(({ ref, type }) => [ref, type]),
        requests.map(([, answer], index) => [`r${index}`, answer]),
        "the answers, in order",
      );
    },
  );
});
