import { section } from "../case.ts";
import { OPCODES } from "../clients/raw-frame.ts";
import { equals, holds, isOneOf, shown } from "../expectation.ts";

const SECRET = "hunter2-do-not-repeat";

export const errors = section("Errors", (rule) => {
  rule("ERR-1", "a request that fails is answered, and the connection lives on", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    for (const request of [
      { type: "unsubscribe", channel: t.channel() },
      { type: "execute", handler: t.freshName(), input: 1 },
      { type: "cancel", execution_id: t.freshName() },
      { type: "publish", channel: "not a channel", data: 1 },
    ]) {
      const answer = await client.ask(request);
      isOneOf(answer.type, ["error", "receipt"], `type of the answer to ${request.type}`);
      holds((answer.code ?? answer.error?.code) !== undefined, `${shown(answer)} has a code`);
    }
    await client.publish(channel, "still here");
    await client.records(channel, 1);
  });

  rule("ERR-2", "what is not JSON is INVALID_MESSAGE", async (t) => {
    const client = await t.connect();
    for (const text of [
      "not json",
      "",
      "{",
      '{"type":"ping"',
      "{'type':'ping'}",
      '{"type":"ping"} x',
      "NaN",
    ]) {
      client.sendText(text);
      equals((await client.expect("error")).code, "INVALID_MESSAGE", `the answer to ${shown(text)}`);
    }
    await client.settle();
  });

  rule(
    "ERR-2",
    "a message without a type, or without a field that it needs, is INVALID_MESSAGE with its ref",
    async (t) => {
      const client = await t.connect();
      const requests = [
        {},
        { type: 7 },
        { type: null },
        { type: "subscribe" },
        { type: "subscribe", channel: 7 },
        { type: "publish", channel: "a" },
        { type: "execute", handler: "a" },
        { type: "presence", channel: "a" },
        { type: "auth" },
        { type: "auth", token: "" },
        { type: "custom" },
        { type: "custom", action: "" },
      ];
      for (const request of requests) {
        const answer = await client.ask(request);
        equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], `the answer to ${shown(request)}`);
      }
    },
  );

  rule("ERR-2", "a type that is not known is UNKNOWN_TYPE with its ref", async (t) => {
    const client = await t.connect();
    for (const type of ["nope", "Ping", "", "welcome", "message", "__proto__", "constructor"]) {
      const answer = await client.ask({ type });
      equals([answer.type, answer.code], ["error", "UNKNOWN_TYPE"], `the answer to type ${shown(type)}`);
    }
    await client.settle();
  });

  rule("ERR-2", "a binary message is BINARY_NOT_SUPPORTED", async (t) => {
    const client = await t.connect();
    client.sendBinary(Buffer.from('{"type":"ping"}'));
    equals((await client.expect("error")).code, "BINARY_NOT_SUPPORTED", "the answer");
    await client.settle();
  });

  rule(
    "ERR-3",
    "too many of them within a minute close the connection with 4429",
    { requires: ["limit:max_invalid_messages_per_minute"] },
    async (t) => {
      const limit = t.number("limit:max_invalid_messages_per_minute");
      const client = await t.connect();
      for (let count = 0; count < limit; count += 1) client.sendText("not json");
      await client.settle();
      equals(client.unread("error").length, limit, "the number of errors");
      client.sendText("one too many");
      await client.expectClose(4429);
    },
  );

  rule(
    "ERR-3",
    "requests that were read but failed do not count",
    { requires: ["limit:max_invalid_messages_per_minute"] },
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      for (let count = 0; count < t.number("limit:max_invalid_messages_per_minute") + 5; count += 1)
        equals((await client.ask({ type: "unsubscribe", channel })).code, "NOT_SUBSCRIBED", "the answer");
    },
  );

  rule("ERR-4", "an error repeats neither a token nor what the application sends", async (t) => {
    const client = await t.connect();
    const texts = [
      SECRET,
      `{"type":"publish","id":"1","data":"${SECRET}"}`,
      `{"type":"publish","id":"2","channel":7,"data":{"${SECRET}":"${SECRET}"}}`,
      `{"type":"execute","id":"3","handler":"","input":"${SECRET}"}`,
      `{"type":"auth","id":"4","token":["${SECRET}"]}`,
      `{"type":"custom","id":"5","payload":"${SECRET}"}`,
    ];
    for (const text of texts) {
      client.sendText(text);
      const error = await client.expect("error");
      holds(!JSON.stringify(error).includes(SECRET), `${shown(error)} repeats what was sent`);
    }
    const refused = await t.knock({ token: SECRET });
    holds(!refused.text.includes(SECRET), "the refusal repeats the token");
  });
});

export const closing = section("Closing", (rule) => {
  rule("CLS-1", "a close has a reason of at most 123 bytes, in UTF-8", async (t) => {
    const older = await t.raw();
    const { message } = await older.expect("welcome");
    await t.connect({ sessionId: String(message.session_id) });
    const { payload } = await older.frame(OPCODES.close);
    equals(payload.readUInt16BE(0), 4409, "the close code");
    holds(payload.length <= 125, `the close frame has ${payload.length} bytes`);
    const reason = payload.subarray(2);
    equals(Buffer.from(reason.toString("utf8")).equals(reason), true, "whether the reason is UTF-8");
  });

  rule("CLS-2", "frames that RFC 6455 does not allow are closed with 1002, which says never", async (t) => {
    const faults: readonly [string, (raw: Awaited<ReturnType<typeof t.raw>>) => void][] = [
      [
        "a frame without a mask",
        (raw) => raw.sendFrame(OPCODES.text, '{"type":"ping"}', { isMasked: false }),
      ],
      ["an opcode that is not defined", (raw) => raw.sendFrame(0x3, "x")],
      ["a reserved bit", (raw) => raw.sendFrame(OPCODES.text, "x", { reservedBits: 0x20 })],
      [
        "compression that was not negotiated",
        (raw) => raw.sendFrame(OPCODES.text, "x", { reservedBits: 0x40 }),
      ],
      ["a ping of 126 bytes", (raw) => raw.sendFrame(OPCODES.ping, "x".repeat(126))],
      ["a ping in fragments", (raw) => raw.sendFrame(OPCODES.ping, "x", { isFinal: false })],
      ["a continuation of nothing", (raw) => raw.sendFrame(OPCODES.continuation, "x")],
      [
        "a message within a message",
        (raw) => {
          raw.sendFrame(OPCODES.text, "{", { isFinal: false });
          raw.sendFrame(OPCODES.text, "}");
        },
      ],
      [
        "a close with a code that must not be sent",
        (raw) => raw.sendFrame(OPCODES.close, Buffer.from([0x03, 0xed])),
      ],
      ["a close of one byte", (raw) => raw.sendFrame(OPCODES.close, Buffer.from([0x03]))],
    ];
    for (const [what, commit] of faults) {
      const raw = await t.raw();
      await raw.expect("welcome");
      commit(raw);
      equals(await raw.closeCode(), 1002, `the close code after ${what}`);
    }
  });

  rule("CLS-2", "a session goes on after a close with 1002", async (t) => {
    const raw = await t.raw();
    const { message } = await raw.expect("welcome");
    raw.sendFrame(0x3, "x");
    await raw.closeCode();
    const back = await t.connect({ sessionId: String(message.session_id) });
    equals(back.welcome.resumed, true, "resumed");
  });

  rule("CLS-4", "after a close of its own a client may come back with its session", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    await client.close();
    const back = await t.connect({ sessionId: client.sessionId });
    equals(back.welcome.resumed, true, "resumed");
    await back.publish(channel, 1);
    await back.records(channel, 1);
  });
});
