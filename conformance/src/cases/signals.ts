import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { seqOf, type WireMessage } from "../clients/wire-message.ts";
import { equals, shown } from "../expectation.ts";
import type { Trial } from "../trial.ts";

export const signals = section("Signals", (rule) => {
  rule("SIG-1", "a signal goes to the others that follow the channel, with its sender", async (t) => {
    const [sender, follower, stranger] = [await t.connect(), await t.connect(), await t.connect()];
    const channel = t.channel();
    await sender.subscribe(channel);
    await follower.subscribe(channel);
    const data = { typing: true, camelCase: [null] };
    const signal = await signalled(t, { sender, follower, channel, data });
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
    await signalled(t, { sender, follower, channel, data: 1 });
    const signalCount = follower.received.filter(({ type }) => type === "signal").length;
    equals(seqOf(await sender.publish(channel, "after")), 2, "seq of the record after the signal");
    await follower.subscribe(channel, { since: "start" });
    await follower.recordsUntil(channel, ({ data }) => data === "after");
    const late = await t.connect();
    await late.subscribe(channel, { since: "start" });
    await late.recordsUntil(channel, ({ data }) => data === "after");
    equals(late.unread("signal"), [], "signals of who came later");
    const countAfter = follower.received.filter(({ type }) => type === "signal").length;
    equals(countAfter, signalCount, "the number of signals after a replay");
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
    const { data } = await signalled(t, { sender, follower, channel, data: "x" });
    equals(data, "x", "data of the signal");
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

interface Signalled {
  readonly sender: PlainClient;
  readonly follower: PlainClient;
  readonly channel: string;
  readonly data: unknown;
}

const MAX_TRIES = 20;
const TRY_MS = 200;

/** A signal that arrives. Any of them may be lost (SIG-2), so it is sent until one has come. */
export async function signalled(
  t: Trial,
  { sender, follower, channel, data }: Signalled,
): Promise<WireMessage> {
  return signalledBy(t, follower, async () => {
    sender.send({ type: "signal", channel, data });
    await sender.settle();
  });
}

/** The same, however it is sent. */
export async function signalledBy(
  t: Trial,
  follower: PlainClient,
  send: () => Promise<unknown>,
): Promise<WireMessage> {
  for (let tryCount = 1; tryCount < MAX_TRIES && follower.unread("signal").length === 0; tryCount += 1) {
    await send();
    await follower.settle();
    if (follower.unread("signal").length === 0) await t.elapse(TRY_MS, "the signal may have been lost");
  }
  return follower.expect("signal");
}
