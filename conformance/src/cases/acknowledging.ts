import { formatPosition } from "@tachikoma/protocol";
import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { positionOf, type RecordFrame } from "../clients/wire-message.ts";
import { equals } from "../expectation.ts";
import type { Trial } from "../trial.ts";
import { listedAs } from "./welcome.ts";

export const acknowledging = section("Acknowledging", (rule) => {
  rule(
    "ACK-1",
    "a pong confirms what was written before its ping",
    { requires: ["limit:ping_interval_secs"] },
    async (t) => {
      const { client, channel, frames } = await readerOf(t, 3);
      const payload = await client.pingBehind(frames.at(-1)!);
      client.pong(payload);
      // It is stored by the time of the next one.
      await client.nextPing();
      const back = await cameBack(t, client);
      equals(listedAs(back.welcome, channel)?.position, frames.at(-1)?.position, "where delivery continues");
      await expectNext(t, back, channel, "marker");
    },
  );

  rule(
    "ACK-1",
    "what was written after the ping is not confirmed by its pong",
    { requires: ["limit:ping_interval_secs"] },
    async (t) => {
      const { client, channel, frames } = await readerOf(t, 2);
      const payload = await client.pingBehind(frames.at(-1)!);
      await client.publish(channel, "after the ping");
      await client.records(channel, 1);
      client.pong(payload);
      await client.nextPing();
      const back = await cameBack(t, client);
      equals(listedAs(back.welcome, channel)?.position, frames.at(-1)?.position, "where delivery continues");
      equals((await back.records(channel, 1))[0]?.data, "after the ping", "the record that comes again");
    },
  );

  rule("ACK-2", "ack confirms sooner", async (t) => {
    const { client, channel, frames } = await readerOf(t, 3);
    await acknowledge(client, channel, frames[1]?.position);
    const back = await cameBack(t, client);
    equals((await back.records(channel, 1))[0]?.data, 2, "the first record that comes again");
  });

  rule("ACK-2", "positions that were not written to the connection, or are older, are ignored", async (t) => {
    const { client, channel, frames } = await readerOf(t, 3);
    await acknowledge(client, channel, frames[1]?.position);
    const last = positionOf(frames[2]?.position);
    const bad = [
      frames[0]?.position,
      formatPosition({ ...last, seq: last.seq + 1 }),
      formatPosition({ ...last, seq: Number.MAX_SAFE_INTEGER }),
      formatPosition({ ...last, epoch: "other" }),
      "garbage",
    ];
    for (const position of bad) await acknowledge(client, channel, position);
    const back = await cameBack(t, client);
    equals(listedAs(back.welcome, channel)?.recovered, true, "recovered");
    equals((await back.records(channel, 1))[0]?.data, 2, "the first record that comes again");
  });

  rule("ACK-2", "a position with the tag of another record loses nothing in silence", async (t) => {
    const { client, channel, frames } = await readerOf(t, 3);
    await acknowledge(client, channel, frames[0]?.position);
    await acknowledge(client, channel, formatPosition({ ...positionOf(frames[2]?.position), tag: "forged" }));
    const back = await cameBack(t, client);
    equals(listedAs(back.welcome, channel)?.recovered, true, "recovered");
    equals((await back.records(channel, 1))[0]?.data, 1, "the first record that comes again");
  });

  rule("ACK-2", "positions of channels that the session does not follow are ignored", async (t) => {
    const { client, channel, frames } = await readerOf(t, 1);
    const strange = { [t.channel()]: frames[0]?.position, "~client:nobody": "e.1.t" };
    client.send({ type: "ack", positions: { ...strange, [channel]: frames[0]?.position } });
    await client.settle();
    const back = await cameBack(t, client);
    equals(back.welcome.subscriptions?.length, 4, "the number of channels that the session follows");
    equals(listedAs(back.welcome, channel)?.position, frames[0]?.position, "where delivery continues");
  });

  rule("ACK-2", "1024 channels fit into one ack, one more does not", async (t) => {
    const client = await t.connect();
    const positions = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`c:${index}`, "e.1.t"]));
    client.send({ type: "ack", positions: positions(1024) });
    await client.settle();
    equals(client.unread("error"), [], "errors after 1024 positions");
    client.send({ type: "ack", positions: positions(1025) });
    equals((await client.expect("error")).code, "INVALID_MESSAGE", "the answer to 1025 positions");
  });

  rule("ACK-3", "a confirmed position stays confirmed, however often the session comes back", async (t) => {
    const { client, channel, frames } = await readerOf(t, 3);
    await acknowledge(client, channel, frames[1]?.position);
    let back = client;
    for (let round = 0; round < 3; round += 1) {
      back = await cameBack(t, back);
      equals(listedAs(back.welcome, channel)?.position, frames[1]?.position, `the position, round ${round}`);
      equals((await back.records(channel, 1))[0]?.data, 2, "the record that comes again");
    }
  });
});

/** A client that does not answer pings any more, and has received records that carry 0, 1, 2, ... */
async function readerOf(t: Trial, count: number) {
  const client = await t.connect();
  const channel = t.channel();
  await client.subscribe(channel);
  client.answersPings = false;
  await client.publishAll(
    channel,
    Array.from({ length: count }, (_, index) => index),
  );
  const frames: readonly RecordFrame[] = await client.records(channel, count);
  return { client, channel, frames };
}

async function acknowledge(
  client: PlainClient,
  channel: string,
  position: string | undefined,
): Promise<void> {
  client.send({ type: "ack", positions: { [channel]: position } });
  // It has no answer; what comes after it is handled after it.
  await client.settle();
}

async function cameBack(t: Trial, client: PlainClient): Promise<PlainClient> {
  await client.drop();
  const back = await t.connect({ sessionId: client.sessionId, answersPings: false });
  equals(back.welcome.resumed, true, "resumed");
  return back;
}

async function expectNext(t: Trial, reader: PlainClient, channel: string, data: unknown): Promise<void> {
  const writer = await t.connect();
  await writer.publish(channel, data);
  equals((await reader.records(channel, 1))[0]?.data, data, "the next record");
}
