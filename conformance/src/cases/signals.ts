import { section } from "../case.ts";
import { seqOf } from "../clients/wire-message.ts";
import { equals, shown } from "../expectation.ts";

export const signals = section("Signals", (rule) => {
  rule("SIG-1", "a signal goes to the others that follow the channel, with its sender", async (t) => {
    const [sender, follower, stranger] = [await t.connect(), await t.connect(), await t.connect()];
    const channel = t.channel();
    await sender.subscribe(channel);
    await follower.subscribe(channel);
    const data = { typing: true, camelCase: [null] };
    sender.send({ type: "signal", channel, data });
    const signal = await follower.expect("signal");
    equals([signal.channel, signal.data, signal.sender], [channel, data, sender.clientId], "the signal");
    for (const client of [sender, stranger]) {
      await client.settle();
      equals(client.unread("signal"), [], `signals of ${client.name}`);
    }
  });

  rule("SIG-1", "a signal is not stored: it takes no place, and is not sent again", async (t) => {
    const [sender, follower] = [await t.connect(), await t.connect()];
    const channel = t.channel();
    await follower.subscribe(channel);
    await sender.publish(channel, "before");
    sender.send({ type: "signal", channel, data: 1 });
    await follower.expect("signal");
    equals(seqOf(await sender.publish(channel, "after")), 2, "seq of the record after the signal");
    await follower.subscribe(channel, { since: "start" });
    await follower.recordsUntil(channel, ({ data }) => data === "after");
    const late = await t.connect();
    await late.subscribe(channel, { since: "start" });
    await late.recordsUntil(channel, ({ data }) => data === "after");
    for (const client of [follower, late]) equals(client.unread("signal"), [], `signals of ${client.name}`);
  });

  rule("SIG-1", "a signal is not kept for who is away", async (t) => {
    const [sender, follower] = [await t.connect(), await t.connect()];
    const channel = t.channel();
    await follower.subscribe(channel);
    await follower.drop();
    sender.send({ type: "signal", channel, data: 1 });
    await sender.publish(channel, "after");
    const back = await t.connect({ sessionId: follower.sessionId });
    await back.recordsUntil(channel, ({ data }) => data === "after");
    equals(back.unread("signal"), [], "signals after the resume");
  });

  rule("SIG-3", "a signal does not need a subscription of its sender", async (t) => {
    const [sender, follower] = [await t.connect(), await t.connect()];
    const channel = t.channel();
    await follower.subscribe(channel);
    sender.send({ type: "signal", channel, data: "x" });
    equals((await follower.expect("signal")).data, "x", "data of the signal");
    equals(
      (await sender.ask({ type: "unsubscribe", channel })).code,
      "NOT_SUBSCRIBED",
      "the answer to unsubscribe",
    );
  });

  rule(
    "SIG-3",
    "without the permission the answer is FORBIDDEN",
    { requires: ["namespace:forbidden"] },
    async (t) => {
      const client = await t.connect();
      client.send({ type: "signal", channel: t.channel(t.text("namespace:forbidden")), data: 1 });
      const error = await client.expect("error");
      equals(error.code, "FORBIDDEN", `the code of ${shown(error)}`);
    },
  );
});
