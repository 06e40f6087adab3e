import { section } from "../case.ts";
import { OPCODES } from "../clients/raw-frame.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";
import { NotApplicable } from "../trial.ts";

const LARGE = Array.from({ length: 4_000 }, (_, index) => `${index}`).join(" ");

export const limits = section("Limits", (rule) => {
  rule(
    "LIM-1",
    "one execution too many on a channel is refused with TOO_MANY_EXECUTIONS",
    { requires: ["handler:count", "limit:max_executions_per_channel"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      const execute = () =>
        client.ask({
          type: "execute",
          handler: t.text("handler:count"),
          channel,
          input: { prompt: "100000 20" },
          on_unwatched: "cancel",
        });
      for (let count = 0; count < t.number("limit:max_executions_per_channel"); count += 1)
        equals((await execute()).status, "accepted", `the status of execution ${count}`);
      const refused = await execute();
      equals(refused.error?.code ?? refused.code, "TOO_MANY_EXECUTIONS", "the code of one more");
    },
  );

  rule("LIM-1", "a token longer than 8192 characters is refused", async (t) => {
    const client = await t.connect();
    const answer = await client.ask({ type: "auth", token: "x".repeat(8_193) });
    equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], "the answer");
    await client.settle();
  });

  rule("LIM-1", "a position longer than 64 characters is refused", async (t) => {
    const client = await t.connect();
    const answer = await client.ask({
      type: "subscribe",
      channel: t.channel(),
      position: `e.1.${"x".repeat(61)}`,
    });
    equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], "the answer");
  });

  rule(
    "LIM-2",
    "a message of max_message_size is taken, one that is larger closes with 1009",
    { requires: ["limit:max_message_size"] },
    async (t) => {
      const maxBytes = t.number("limit:max_message_size");
      const client = await t.connect();
      client.sendText(paddedPing("full", maxBytes));
      equals((await client.answerTo("full")).type, "pong", "the answer to a message of the size");
      client.sendText(paddedPing("over", maxBytes + 1));
      await client.expectClose(1009);
    },
  );

  rule(
    "LIM-2",
    "the size of a message counts, in however many frames it comes",
    { requires: ["limit:max_message_size"] },
    async (t) => {
      const text = paddedPing("over", t.number("limit:max_message_size") + 1);
      const raw = await t.raw();
      await raw.expect("welcome");
      const half = Math.floor(text.length / 2);
      raw.sendFrame(OPCODES.text, text.slice(0, half), { isFinal: false });
      raw.sendFrame(OPCODES.continuation, text.slice(half));
      equals(await raw.closeCode(), 1009, "the close code");
    },
  );

  rule(
    "LIM-2",
    "a frame larger than max_frame_size is taken",
    { requires: ["limit:max_frame_size", "limit:max_message_size"] },
    async (t) => {
      const client = await t.connect();
      const byteCount = Math.min(t.number("limit:max_frame_size") * 2, t.number("limit:max_message_size"));
      client.sendText(paddedPing("large", byteCount));
      equals((await client.answerTo("large")).type, "pong", "the answer");
    },
  );

  rule(
    "LIM-3",
    "large messages of the server come in frames of at most max_frame_size",
    { requires: ["limit:max_frame_size"] },
    async (t) => {
      const maxBytes = t.number("limit:max_frame_size");
      const raw = await t.raw();
      const channel = t.channel();
      await raw.expect("welcome");
      raw.send({ type: "subscribe", channel });
      raw.send({ type: "publish", id: "p", channel, data: "x".repeat(maxBytes * 3) });
      const { frames, message } = await raw.expect("message");
      equals(String(message.data).length, maxBytes * 3, "the length of its data");
      holds(frames.length >= 3, `it came in ${frames.length} frames`);
      const tooLarge = raw.frames.find(({ payload }) => payload.length > maxBytes);
      equals(tooLarge?.payload.length, undefined, "the size of a frame that is too large");
      equals(
        frames.slice(1).map(({ opcode }) => opcode),
        frames.slice(1).map(() => 0),
        "the opcodes of the others",
      );
    },
  );

  rule("LIM-4", "a flood is answered, all of it and in order", async (t) => {
    const client = await t.connect();
    for (let count = 0; count < 600; count += 1) client.send({ type: "ping", id: `${count}` });
    await client.answerTo("599");
    const refs = client.received.filter(({ type }) => type === "pong").map(({ ref }) => Number(ref));
    equals(
      refs,
      Array.from({ length: 600 }, (_, index) => index),
      "the refs of the pongs",
    );
  });

  rule("LIM-4", "requests under way at once are all answered", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    const receipts = await client.publishAll(
      channel,
      Array.from({ length: 400 }, (_, index) => index),
    );
    equals(new Set(receipts.map(({ position }) => position)).size, 400, "the number of positions");
  });

  rule(
    "LIM-5",
    "compression is negotiated without context takeover, and used for large messages only",
    { requires: ["compression"] },
    async (t) => {
      const raw = await t.raw({ headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } });
      const extensions = raw.answer.headers.get("sec-websocket-extensions") ?? "";
      if (!extensions.includes("permessage-deflate"))
        throw new NotApplicable("the server did not accept the offer");
      for (const parameter of ["server_no_context_takeover", "client_no_context_takeover"])
        holds(extensions.includes(parameter), `${shown(extensions)} has ${parameter}`);
      const channel = t.channel();
      await raw.expect("welcome");
      raw.send({ type: "subscribe", channel });
      raw.send({ type: "publish", id: "large", channel, data: LARGE });
      const large = await raw.expect("message");
      equals(large.message.data, LARGE, "data of the large message");
      holds(large.frames[0]!.isCompressed, "the large message is compressed");
      raw.send({ type: "publish", id: "small", channel, data: "small" });
      const small = await raw.expect("message");
      holds(!small.frames[0]!.isCompressed, "the small message is not compressed");
    },
  );

  rule("LIM-5", "compression is not used where it was not offered", async (t) => {
    const raw = await t.raw();
    isOneOf(raw.answer.headers.get("sec-websocket-extensions"), [undefined, ""], "the extensions");
    const channel = t.channel();
    await raw.expect("welcome");
    raw.send({ type: "subscribe", channel });
    raw.send({ type: "publish", id: "p", channel, data: LARGE });
    equals((await raw.expect("message")).message.data, LARGE, "data of a large message");
    holds(
      raw.frames.every(({ isCompressed }) => !isCompressed),
      "no frame is compressed",
    );
  });
});

/** A ping of exactly so many bytes. */
function paddedPing(id: string, byteCount: number): string {
  const text = `{"type":"ping","id":"${id}","filler":""}`;
  return text.replace('""', `"${"x".repeat(byteCount - text.length)}"`);
}
