import { formatPosition, type Position } from "@tachikoma/protocol";
import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { positionOf, seqOf } from "../clients/wire-message.ts";
import { equals, holds, shown } from "../expectation.ts";
import type { Trial } from "../trial.ts";

const POSITION = /^[A-Za-z0-9_-]{1,16}\.(0|[1-9][0-9]{0,15})\.[A-Za-z0-9_-]{1,16}$/;

export const positions = section("Positions", (rule) => {
  rule("POS-1", "positions have at most 64 characters and are taken back unchanged", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 3);
    for (const position of places) {
      holds(position.length <= 64, `${position} has ${position.length} characters`);
      const answer = await client.subscribe(channel, { position });
      equals([answer.position, answer.recovered], [position, true], "position and recovered");
    }
  });

  rule("POS-2", "a position is epoch.seq.tag, and seq counts the records from 1", async (t) => {
    const { channel, places } = await channelWithRecords(t, 4);
    for (const place of places) holds(POSITION.test(place), `${place} has the form`);
    const read = places.map(positionOf);
    equals(
      read.map(({ seq }) => seq),
      [0, 1, 2, 3, 4],
      `the seqs of ${channel}`,
    );
    equals(new Set(read.map(({ epoch }) => epoch)).size, 1, "the number of epochs");
  });

  rule("POS-2", "two channels are two logs", async (t) => {
    const [one, other] = [await channelWithRecords(t, 1), await channelWithRecords(t, 1)];
    const epochs = [one, other].map(({ places }) => positionOf(places[0]).epoch);
    holds(epochs[0] !== epochs[1], `both have the epoch ${epochs[0]}`);
  });

  rule("POS-4", "records that are published at once by many have a seq of their own each", async (t) => {
    const channel = t.channel();
    const publishers = [await t.connect(), await t.connect(), await t.connect()];
    const items = Array.from({ length: 10 }, (_, index) => index);
    const receipts = (await Promise.all(publishers.map((one) => one.publishAll(channel, items)))).flat();
    const seqs = receipts.map(seqOf).sort((a, b) => a - b);
    equals(
      seqs,
      Array.from({ length: 30 }, (_, index) => index + 1),
      "the seqs of all receipts",
    );
  });

  rule("POS-5", "delivery goes on after any position that is in the log", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 5);
    for (const [index, position] of places.entries()) {
      const { recovered, reason } = await client.subscribe(channel, { position });
      equals([recovered, reason], [true, undefined], `recovered and reason at ${position}`);
      const rest = index === 5 ? [] : await client.records(channel, 5 - index);
      equals(
        rest.map(seqOf),
        Array.from({ length: 5 - index }, (_, offset) => index + offset + 1),
        "the seqs after it",
      );
    }
    holds(
      client.received.every(({ type }) => type !== "reset"),
      "there was no reset",
    );
  });

  rule("POS-6", "another identity of the log: epoch_changed", async (t) => {
    const log = await channelWithRecords(t, 3);
    const { places } = log;
    const [first, last] = [positionOf(places[1]), positionOf(places.at(-1))];
    for (const position of [first, last, { ...first, seq: 0, tag: "0" }])
      await expectReset(log, { ...position, epoch: "other" }, "epoch_changed");
  });

  rule("POS-6", "another record at the place: tag_mismatch", async (t) => {
    const log = await channelWithRecords(t, 3);
    for (const place of log.places.slice(1))
      await expectReset(log, { ...positionOf(place), tag: "forged" }, "tag_mismatch");
  });

  rule("POS-6", "a place behind the last record: ahead_of_log", async (t) => {
    const log = await channelWithRecords(t, 3);
    const last = positionOf(log.places.at(-1));
    for (const seq of [last.seq + 1, last.seq + 1_000_000, Number.MAX_SAFE_INTEGER])
      await expectReset(log, { ...last, seq }, "ahead_of_log");
  });

  rule("POS-6", "a text that is no position: invalid_position", async (t) => {
    const log = await channelWithRecords(t, 2);
    const { epoch, tag } = positionOf(log.places.at(-1));
    const texts = [
      "garbage",
      `${epoch}.2`,
      `${epoch}.2.${tag}.x`,
      `${epoch}.02.${tag}`,
      `${epoch}.-1.${tag}`,
      `${epoch}.+2.${tag}`,
      `${epoch}.2e0.${tag}`,
      `${epoch}.9007199254740992.${tag}`,
      `${epoch}.2.`,
      `.2.${tag}`,
      `${"e".repeat(17)}.2.${tag}`,
      ` ${epoch}.2.${tag}`,
      `${epoch}.2.ü`,
      "..",
    ];
    for (const position of texts) await expectReset(log, position, "invalid_position");
  });

  rule(
    "POS-6",
    "a place before the records that are kept: trimmed",
    { requires: ["namespace:short", "limit:short_records"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel(t.text("namespace:short"));
      await client.subscribe(channel);
      const first = await client.publish(channel, 0);
      const place = await trimAfter(t, client, channel, first.position!);
      equals(place.reason, "trimmed", "the reason");
    },
  );
});

export interface ChannelWithRecords {
  readonly channel: string;
  /** Follows it no more. */
  readonly client: PlainClient;
  /** Positions before and after each of the records, which carry 1, 2, 3, ... */
  readonly places: readonly string[];
}

export async function channelWithRecords(t: Trial, count: number): Promise<ChannelWithRecords> {
  const client = await t.connect();
  const channel = t.channel();
  const { position } = await client.subscribe(channel);
  const frames = [];
  for (let number = 1; number <= count; number += 1) {
    await client.publish(channel, number);
    frames.push(...(await client.records(channel, 1)));
  }
  await client.request({ type: "unsubscribe", channel }, "unsubscribed");
  return { client, channel, places: [position!, ...frames.map((frame) => frame.position)] };
}

/** Publishes until the record after the position is no longer kept, and returns the answer to a subscribe from there. */
export async function trimAfter(t: Trial, client: PlainClient, channel: string, position: string) {
  const items = Array.from({ length: t.number("limit:short_records") * 2 }, (_, index) => index);
  for (let round = 0; round < MAX_TRIM_ROUNDS; round += 1) {
    await client.publishAll(channel, items);
    const answer = await client.subscribe(channel, { position });
    if (answer.recovered === false) return answer;
  }
  throw new Error(`After ${MAX_TRIM_ROUNDS * items.length} records the first ones are still kept`);
}

const MAX_TRIM_ROUNDS = 40;

/** Subscribing from there is answered with the reason; then come a reset, and all that is kept. */
async function expectReset(
  { client, channel, places }: ChannelWithRecords,
  from: Position | string,
  reason: string,
): Promise<void> {
  const position = typeof from === "string" ? from : formatPosition(from);
  const answer = await client.subscribe(channel, { position });
  equals([answer.recovered, answer.reason], [false, reason], `recovered and reason for ${shown(position)}`);
  const reset = await client.expect("reset");
  equals([reset.channel, reset.reason], [channel, reason], "channel and reason of the reset");
  const kept = await client.records(channel, places.length - 1);
  equals(seqOf(kept[0]), seqOf(reset) + 1, "seq of the first record after the reset");
  await client.request({ type: "unsubscribe", channel }, "unsubscribed");
}
