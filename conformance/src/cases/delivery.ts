import { formatPosition } from "@tachikoma/protocol";
import { section } from "../case.ts";
import type { PlainClient } from "../clients/plain-client.ts";
import { coverOf, positionOf, type RecordFrame, seqOf, textOf } from "../clients/wire-message.ts";
import { equals, holds, shown } from "../expectation.ts";
import type { Trial } from "../trial.ts";
import { channelWithRecords } from "./positions.ts";

const MERGED_FIELDS: Readonly<Record<string, readonly string[]>> = {
  "text-delta": ["delta", "id", "type"],
  "reasoning-delta": ["delta", "id", "type"],
  "tool-input-delta": ["inputTextDelta", "toolCallId", "type"],
};

export const delivery = section("Delivery", (rule) => {
  rule("DEL-1", "records come in the order of seq, the same for every subscriber", async (t) => {
    const channel = t.channel();
    const readers = [await t.connect(), await t.connect()];
    for (const reader of readers) await reader.subscribe(channel);
    const writers = [await t.connect(), await t.connect()];
    const items = Array.from({ length: 25 }, (_, index) => index);
    await Promise.all(
      writers.map((writer, at) =>
        writer.publishAll(
          channel,
          items.map((item) => [at, item]),
        ),
      ),
    );
    const seen = [];
    for (const reader of readers)
      seen.push(await reader.recordsUntil(channel, (frame) => seqOf(frame) === 50));
    for (const frames of seen)
      equals(
        frames.map(seqOf),
        Array.from({ length: 50 }, (_, i) => i + 1),
        "the seqs",
      );
    equals(
      seen[0]?.map(({ data }) => data),
      seen[1]?.map(({ data }) => data),
      "what the two readers got",
    );
  });

  rule(
    "DEL-1",
    "the frames of an execution cover its records without gap or overlap",
    { requires: ["handler:count"] },
    async (t) => {
      const frames = await countedTo(t, await t.connect(), t.channel(), "400 0");
      equals(uncovered(frames), [], "seqs that are covered not once");
    },
  );

  rule(
    "DEL-2",
    "each frame begins where the one before it ended, also where many channels are followed",
    async (t) => {
      const [reader, writer] = [await t.connect(), await t.connect()];
      const channels = [t.channel(), t.channel(), t.channel()];
      for (const channel of channels) await reader.subscribe(channel);
      const items = Array.from({ length: 30 }, (_, index) => index);
      await Promise.all(channels.map((channel) => writer.publishAll(channel, items)));
      for (const channel of channels) {
        const frames = await reader.recordsUntil(channel, (frame) => seqOf(frame) === items.length);
        equals(uncovered(frames), [], `seqs of ${channel} that are covered not once`);
      }
    },
  );

  rule(
    "DEL-5",
    "a client that keeps its positions gets each record once, however often it is cut off",
    async (t) => {
      const writer = await t.connect();
      const channel = t.channel();
      let reader = await t.connect();
      let { position } = await reader.subscribe(channel);
      const applied: unknown[] = [];
      for (let round = 0; round < 8; round += 1) {
        const publishing = writer.publishAll(
          channel,
          Array.from({ length: 10 }, (_, index) => round * 10 + index),
        );
        for (const frame of await reader.records(channel, 1 + (round % 5))) {
          applied.push(frame.data);
          position = frame.position;
        }
        await reader.drop();
        reader = await t.connect({ sessionId: reader.sessionId, arePositionsOwn: true });
        await reader.subscribe(channel, { position });
        await publishing;
      }
      const rest = await reader.recordsUntil(channel, ({ data }) => data === 79);
      applied.push(...rest.map(({ data }) => data));
      equals(
        applied.map(Number).sort((a, b) => a - b),
        Array.from({ length: 80 }, (_, index) => index),
        "the records that were applied",
      );
    },
  );

  rule("DEL-6", "what was delivered is in the log at once", async (t) => {
    const [reader, other, writer] = [await t.connect(), await t.connect(), await t.connect()];
    const channel = t.channel();
    await reader.subscribe(channel);
    for (let number = 1; number <= 10; number += 1) {
      writer.send({ type: "publish", id: `p${number}`, channel, data: number });
      const [frame] = await reader.records(channel, 1);
      await other.subscribe(channel, { since: "start" });
      const log = await other.recordsUntil(channel, (one) => seqOf(one) === seqOf(frame));
      equals(log.at(-1)?.data, frame?.data, `record ${number}, read again`);
    }
  });

  rule(
    "DEL-7",
    "what the chunks add up to does not depend on when they are read",
    { requires: ["handler:count"] },
    async (t) => {
      const channel = t.channel();
      const live = await countedTo(t, await t.connect(), channel, "300 1");
      const late = await t.connect();
      await late.subscribe(channel, { since: "start" });
      const replayed = await late.recordsUntilEnd(channel);
      const id = String(live[0]?.execution_id);
      equals(textOf(replayed, id), textOf(live, id), "the text, read later");
      equals(textOf(live, id).trim().split(" ").map(Number), countTo(300), "the numbers");
      equals(uncovered(replayed), [], "seqs that are covered not once");
      equals(seqOf(replayed.at(-1)), seqOf(live.at(-1)), "seq of the end");
    },
  );

  rule("DEL-7", "only plain deltas of one part are merged", { requires: ["handler:chunks"] }, async (t) => {
    const chunks = [
      { type: "text-start", id: "a" },
      { type: "text-start", id: "b" },
      ...["a", "a", "b", "a", "b", "b"].map((id, at) => ({ type: "text-delta", id, delta: `${at}` })),
      { type: "text-delta", id: "a", delta: "x", providerMetadata: { p: { q: 1 } } },
      { type: "text-delta", id: "a", delta: "y", future: true },
      { type: "text-end", id: "a" },
      { type: "text-end", id: "b" },
      { type: "data-n", data: 1 },
      { type: "data-n", data: 1 },
    ];
    const { live, replayed } = await yielded(t, chunks);
    for (const frame of [...live, ...replayed]) {
      if ((frame.n ?? 1) === 1) continue;
      const { chunk = { type: "none" } } = frame;
      equals(Object.keys(chunk).sort(), MERGED_FIELDS[chunk.type], `the fields of ${shown(chunk)}, merged`);
    }
    for (const frames of [live, replayed]) {
      const text = (id: string) =>
        frames
          .map(({ chunk }) => (chunk?.type === "text-delta" && chunk.id === id ? chunk.delta : ""))
          .join("");
      equals([text("a"), text("b")], ["013xy", "245"], "the texts of the two parts");
      const extra = frames.filter(
        ({ chunk }) => chunk !== undefined && ("future" in chunk || "providerMetadata" in chunk),
      );
      equals(extra.length, 2, "the number of deltas with fields of their own");
    }
  });

  rule(
    "DEL-8",
    "a character that was cut in two becomes one again",
    { requires: ["handler:chunks"] },
    async (t) => {
      const deltas = ["\ud83d", "\udd77\ufe0f x \ud83d", "\udc69\u200d", "\ud83d", "\ude80"];
      const chunks = [
        { type: "text-start", id: "a" },
        ...deltas.map((delta) => ({ type: "text-delta", id: "a", delta })),
        { type: "text-end", id: "a" },
      ];
      const { live, replayed } = await yielded(t, chunks);
      for (const frames of [live, replayed])
        equals(textOf(frames, String(frames[0]?.execution_id)), deltas.join(""), "the text");
    },
  );

  rule(
    "DEL-9",
    "a record that is not for the session is a skip that moves the position",
    { requires: ["custom:send"] },
    async (t) => {
      // Connections are known by their ids where they are.
      const [excluded, other] = [await t.connect({ node: 0 }), await t.connect({ node: 0 })];
      const broadcast = (exclude: readonly unknown[], data: unknown) =>
        other.request(
          { type: "custom", action: t.text("custom:send"), payload: { to: { all: true, exclude }, data } },
          "custom",
        );
      const run = t.freshName();
      await broadcast([excluded.welcome.connection_id], [run, "not for everyone"]);
      await broadcast([], [run, "for everyone"]);
      const isLast = ({ data }: RecordFrame) => shown(data) === shown([run, "for everyone"]);
      const all = await other.recordsUntil("~all", isLast);
      const theirs = all.find(({ data }) => shown(data) === shown([run, "not for everyone"]));
      const mine = await excluded.recordsUntil("~all", isLast);
      const covering = mine.find((frame) => {
        const { fromSeq, toSeq } = coverOf(frame);
        return fromSeq <= seqOf(theirs) && seqOf(theirs) <= toSeq;
      });
      equals(covering?.type, "skip", "the type of the frame in its place");
      holds(!("data" in covering!), "a skip has nothing to show");
    },
  );

  rule("DEL-10", "a reader that does not read is not cut off for it, and misses nothing", async (t) => {
    const [reader, writer] = [await t.connect(), await t.connect()];
    const channel = t.channel();
    await reader.subscribe(channel);
    reader.webSocket.pause();
    const filler = "x".repeat(60_000);
    await writer.publishAll(
      channel,
      Array.from({ length: 50 }, (_, index) => [index, filler]),
    );
    reader.webSocket.resume();
    const frames = await reader.recordsUntil(channel, (frame) => seqOf(frame) === 50);
    equals(uncovered(frames), [], "seqs that are covered not once");
    await reader.settle();
  });

  rule("DEL-11", "reset says where the oldest record is, and delivery goes on there", async (t) => {
    const { client, channel, places } = await channelWithRecords(t, 3);
    const last = positionOf(places.at(-1));
    await client.subscribe(channel, { position: formatPosition({ ...last, tag: "other" }) });
    const reset = await client.expect("reset");
    equals([reset.channel, reset.reason, reset.position], [channel, "tag_mismatch", places[0]], "the reset");
    equals((await client.records(channel, 3)).map(seqOf), [1, 2, 3], "what follows");
  });

  rule(
    "DEL-12",
    "a live reader that falls behind what is kept gets a reset before anything newer",
    { requires: ["namespace:short", "limit:short_records"], isSlow: true },
    async (t) => {
      const channel = t.channel(t.text("namespace:short"));
      const [reader, writer] = [await t.connect(), await t.connect()];
      await reader.subscribe(channel);
      let count = 0;
      // How much the machine takes in between, nobody knows.
      for (const megabytes of [6, 12, 24]) {
        reader.webSocket.pause();
        const items = Array.from({ length: megabytes * 20 }, () => "x".repeat(50_000));
        await writer.publishAll(channel, items);
        count += items.length;
        reader.webSocket.resume();
        await reader.recordsUntil(channel, (frame) => seqOf(frame) === count);
        const reset = reader.unread("reset").at(0);
        if (reset === undefined) continue;
        equals([reset.channel, reset.reason], [channel, "trimmed"], "channel and reason of the reset");
        return;
      }
      throw new Error("42 MB were delivered to a reader that did not read, so nothing can be said");
    },
  );
});

export function countTo(last: number): readonly number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** Seqs between the first and the last that no frame covers, or more than one. */
export function uncovered(frames: readonly RecordFrame[]): readonly number[] {
  const covered = frames.flatMap((frame) => {
    const { fromSeq, toSeq } = coverOf(frame);
    return Array.from({ length: toSeq - fromSeq + 1 }, (_, index) => fromSeq + index);
  });
  const last = Math.max(...covered);
  return Array.from({ length: last }, (_, index) => index + 1)
    .filter((seq) => seq >= Math.min(...covered))
    .filter((seq) => covered.filter((one) => one === seq).length !== 1);
}

/** Runs the counting handler and takes all of its records. */
export async function countedTo(t: Trial, client: PlainClient, channel: string, prompt: string) {
  const { execution_id } = await client.execute(t.text("handler:count"), { channel, input: { prompt } });
  return client.recordsUntilEnd(channel, execution_id);
}

/** The records of a handler that yields these chunks, as they came and as they are read later. */
export async function yielded(t: Trial, chunks: readonly object[]) {
  const channel = t.channel();
  const client = await t.connect();
  const { execution_id } = await client.execute(t.text("handler:chunks"), { channel, input: { chunks } });
  const live = await client.recordsUntilEnd(channel, execution_id);
  const late = await t.connect();
  await late.subscribe(channel, { since: "start" });
  return { live, replayed: await late.recordsUntilEnd(channel, execution_id) };
}
