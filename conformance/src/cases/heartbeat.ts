import { section } from "../case.ts";
import { OPCODES } from "../clients/raw-frame.ts";
import { seqOf } from "../clients/wire-message.ts";
import { equals, holds } from "../expectation.ts";

export const heartbeat = section("Heartbeat", (rule) => {
  rule(
    "HB-1",
    "pings come at their interval, each with a number of its own",
    { requires: ["limit:ping_interval_secs"], isSlow: true },
    async (t) => {
      const intervalMs = t.number("limit:ping_interval_secs") * 1_000;
      const client = await t.connect();
      const payloads = [];
      const startedAtMs = performance.now();
      for (let count = 0; count < 3; count += 1) payloads.push(await client.nextPing());
      const tookMs = performance.now() - startedAtMs;
      for (const payload of payloads) holds(/^\d+$/.test(payload), `the payload ${payload} is a number`);
      equals(new Set(payloads).size, 3, "the number of different payloads");
      holds(tookMs > 1.5 * intervalMs, `three pings came within ${Math.round(tookMs)} ms`);
    },
  );

  rule(
    "HB-2",
    "a connection that answers its pings stays open",
    { requires: ["limit:ping_interval_secs", "limit:pong_timeout_secs"], isSlow: true },
    async (t) => {
      const client = await t.connect();
      const seconds = t.number("limit:ping_interval_secs") + t.number("limit:pong_timeout_secs");
      await t.elapse(seconds * 1_000 + 500, "longer than a ping may stay unanswered");
      await client.settle();
    },
  );

  rule(
    "HB-3",
    "a connection whose ping stays unanswered is closed with 4008",
    { requires: ["limit:ping_interval_secs", "limit:pong_timeout_secs"], isSlow: true },
    async (t) => {
      const raw = await t.raw();
      await raw.expect("welcome");
      await raw.frame(OPCODES.ping);
      const pingedAtMs = performance.now();
      equals(await raw.closeCode(), 4008, "the close code");
      const waitedMs = performance.now() - pingedAtMs;
      // The ping may have been under way for a while.
      holds(
        waitedMs > t.number("limit:pong_timeout_secs") * 500,
        `it was closed after ${Math.round(waitedMs)} ms`,
      );
    },
  );

  rule("HB-4", "pong comes at once, whatever else waits", async (t) => {
    const [writer, reader] = [await t.connect(), await t.connect()];
    const channel = t.channel();
    await writer.publishAll(
      channel,
      Array.from({ length: 60 }, () => "x".repeat(60_000)),
    );
    reader.send({ type: "subscribe", channel, since: "start" });
    reader.send({ type: "ping", id: "now" });
    await reader.answerTo("now");
    const last = reader.unreadRecords(channel).at(-1);
    holds(last === undefined || seqOf(last) < 60, "the pong came behind all of the backlog");
    await reader.recordsUntil(channel, (frame) => seqOf(frame) === 60);
  });

  rule("HB-5", "unsolicited pongs confirm nothing", { requires: ["limit:ping_interval_secs"] }, async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    client.answersPings = false;
    await client.publish(channel, "unconfirmed");
    const [frame] = await client.records(channel, 1);
    const payload = await client.pingBehind(frame!);
    for (const other of ["", "x", `${Number(payload) + 1}`, "999999"]) client.pong(other);
    await client.settle();
    await client.drop();
    const back = await t.connect({ sessionId: client.sessionId });
    equals((await back.records(channel, 1))[0]?.data, "unconfirmed", "the record that comes again");
  });

  rule(
    "HB-5",
    "pongs with another payload do not keep a connection open",
    { requires: ["limit:ping_interval_secs", "limit:pong_timeout_secs"], isSlow: true },
    async (t) => {
      const client = await t.connect({ answersPings: false });
      client.webSocket.on("ping", () => client.pong("other"));
      await client.expectClose(4008);
    },
  );
});
