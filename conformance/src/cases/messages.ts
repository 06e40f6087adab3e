import { section } from "../case.ts";
import { OPCODES } from "../clients/raw-frame.ts";
import { equals, holds, shown } from "../expectation.ts";

/** Fields of which the application, and not the protocol, gives the names. */
const OPAQUE_FIELDS: ReadonlySet<string> = new Set([
  "data",
  "input",
  "chunk",
  "payload",
  "state",
  "initial_state",
  "usage",
  "positions",
]);
const SNAKE_CASE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

const ANY_JSON = {
  camelCase: 1,
  snake_case: { innerCamel: [null, true, 1.5, -0.25, "", "ü 攻殻 🕷️ \u0000 \u2028 \ud83d"] },
  "": [],
  type: "not a type",
  id: 7,
  position: null,
  deep: [[[[{ a: { b: {} } }]]]],
};
/** A parser that builds objects carelessly loses this key. */
const PROTO_JSON = '{"__proto__":{"a":1},"constructor":2,"b":3}';

export const messages = section("Messages", (rule) => {
  rule("MSG-1", "each message of the server is one JSON object in one text message", async (t) => {
    const raw = await t.raw();
    const channel = t.channel();
    await raw.expect("welcome");
    raw.send({ type: "subscribe", id: "1", channel });
    raw.send({ type: "publish", id: "2", channel, data: 1 });
    await raw.expect("subscribed");
    await raw.expect("receipt");
    const { frames, message } = await raw.expect("message");
    equals(frames[0]?.opcode, OPCODES.text, "the opcode of a message");
    holds(SNAKE_CASE.test(message.type), `type ${message.type} is in snake_case`);
    const masked = raw.frames.find((frame) => frame.isMasked);
    holds(masked === undefined, "a server does not mask its frames (RFC 6455, 5.1)");
  });

  rule("MSG-1", "JSON that is not an object is refused", async (t) => {
    const client = await t.connect();
    for (const text of ["[]", '"ping"', "1", "null", "true", '[{"type":"ping","id":"1"}]']) {
      client.sendText(text);
      equals((await client.expect("error")).code, "INVALID_MESSAGE", `the answer to ${text}`);
    }
    await client.settle();
  });

  rule("MSG-1", "a message in many fragments, cut inside of characters, is one message", async (t) => {
    const raw = await t.raw();
    await raw.expect("welcome");
    const bytes = Buffer.from(JSON.stringify({ type: "ping", id: "grüße-攻殻-🕷️" }));
    for (const [index, byte] of bytes.entries()) {
      const opcode = index === 0 ? OPCODES.text : OPCODES.continuation;
      raw.sendFrame(opcode, Buffer.from([byte]), { isFinal: index === bytes.length - 1 });
    }
    equals((await raw.expect("pong")).message.ref, "grüße-攻殻-🕷️", "ref of the pong");
  });

  rule("MSG-1", "a control frame may pass between the fragments of a message", async (t) => {
    const raw = await t.raw();
    await raw.expect("welcome");
    raw.sendFrame(OPCODES.text, '{"type":"ping",', { isFinal: false });
    raw.sendFrame(OPCODES.ping, "between");
    raw.sendFrame(OPCODES.continuation, '"id":"whole"}');
    equals((await raw.frame(OPCODES.pong)).payload.toString(), "between", "payload of the WebSocket pong");
    equals((await raw.expect("pong")).message.ref, "whole", "ref of the pong");
  });

  rule("MSG-1", "text that is not UTF-8 closes the connection with 1007", async (t) => {
    const raw = await t.raw();
    await raw.expect("welcome");
    raw.sendFrame(OPCODES.text, Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]));
    equals(await raw.closeCode(), 1007, "the close code");
  });

  rule("MSG-2", "fields of the server's messages are in snake_case", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    await client.publish(channel, { camelCase: true });
    await client.records(channel, 1);
    client.send({ type: "publish", id: "no channel" });
    await client.expect("error");
    for (const message of client.received) {
      const odd = oddName(message);
      holds(odd === undefined, `the field ${odd} in ${shown(message)} is in snake_case`);
    }
  });

  rule("MSG-2", "a field in another spelling is not the field", async (t) => {
    const client = await t.connect();
    const answer = await client.ask({ type: "cancel", executionId: "e1" });
    equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], "a cancel with executionId only");
  });

  rule("MSG-3", "fields that are not known are ignored", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel, { future: { a: [1] }, sender: "me" });
    await client.publish(channel, "data", { future: true, position: 7, seq: 3 });
    const [frame] = await client.records(channel, 1);
    equals(frame?.data, "data", "data of the record");
    holds(!("future" in frame!), "what was not known is not passed on");
    await client.request({ type: "ping", unknown: null }, "pong");
  });

  rule("MSG-4", "data passes unchanged, whatever JSON it is", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    const items = [ANY_JSON, null, false, 0, "", [], {}, "text", [1, [2, [3]]], 1e300, 9007199254740991];
    await client.publishAll(channel, items);
    const frames = await client.records(channel, items.length);
    equals(
      frames.map(({ data }) => data),
      items,
      "data as it was published",
    );
  });

  rule("MSG-4", "keys that mean something to a programming language pass too", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    await client.subscribe(channel);
    client.sendText(`{"type":"publish","id":"p","channel":${JSON.stringify(channel)},"data":${PROTO_JSON}}`);
    const [frame] = await client.records(channel, 1);
    equals(JSON.stringify(frame?.data), PROTO_JSON, "data as it was published");
  });

  rule(
    "MSG-4",
    "input reaches the handler, and its text comes back, unchanged",
    { requires: ["handler:echo"] },
    async (t) => {
      const client = await t.connect();
      const prompt = 'tab\t "quotes" \\ ü 攻殻機動隊 🕷️ \u2028 end';
      const channel = t.channel();
      const { execution_id } = await client.execute(t.text("handler:echo"), { channel, input: { prompt } });
      const frames = await client.recordsUntilEnd(channel, execution_id);
      const text = frames.map(({ chunk }) => (chunk?.type === "text-delta" ? chunk.delta : "")).join("");
      equals(text, prompt, "what the handler was given");
    },
  );

  rule(
    "MSG-5",
    "an answer carries the id of its request as ref, and none where there was none",
    async (t) => {
      const client = await t.connect();
      const channel = t.channel();
      const requests = [
        [{ type: "ping" }, "pong"],
        [{ type: "subscribe", channel }, "subscribed"],
        [{ type: "unsubscribe", channel }, "unsubscribed"],
        [{ type: "unsubscribe", channel }, "error"],
      ] as const;
      for (const [request, answerType] of requests) {
        const id = client.freshId();
        client.send({ ...request, id });
        equals((await client.expect(answerType)).ref, id, `ref of ${answerType}`);
      }
      for (const [request, answerType] of requests) {
        client.send(request);
        holds(!("ref" in (await client.expect(answerType))), `${answerType} without an id has no ref`);
      }
    },
  );

  rule("MSG-5", "a command without an id is refused", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    const commands = [
      { type: "publish", channel, data: 1 },
      { type: "execute", handler: "any", input: 1 },
      { type: "cancel", execution_id: "e" },
      { type: "input", execution_id: "e", data: 1 },
    ];
    for (const command of commands) {
      client.send(command);
      equals(
        (await client.expect("error")).code,
        "INVALID_MESSAGE",
        `the answer to ${command.type} without id`,
      );
    }
  });

  rule("MSG-6", "an id of 1 to 128 characters is taken", async (t) => {
    const client = await t.connect();
    for (const id of ["x", "x".repeat(128), "with space", '"\\/', "ü🕷️"]) {
      client.send({ type: "ping", id });
      equals((await client.answerTo(id)).type, "pong", `the answer to a ping with id ${id}`);
    }
  });

  rule("MSG-6", "an id that is empty, too long, or has control or half characters is refused", async (t) => {
    const client = await t.connect();
    for (const id of ["", "x".repeat(129), "a\nb", "\u0000", "\u007f", "half \ud83d", 7, null, {}]) {
      client.send({ type: "ping", id });
      const error = await client.expect("error");
      equals(error.code, "INVALID_MESSAGE", `the answer to a ping with id ${shown(id)}`);
      holds(error.ref === undefined, "what is no id does not come back as ref");
    }
  });

  rule("MSG-6", "the same holds for execution_id, and up to 64 characters for handler", async (t) => {
    const client = await t.connect();
    const cancel = (execution_id: string) => client.ask({ type: "cancel", execution_id });
    const execute = (handler: string) => client.ask({ type: "execute", handler, input: 1 });
    equals((await cancel("x".repeat(128))).type, "receipt", "an execution_id of 128 characters");
    equals((await cancel("x".repeat(129))).code, "INVALID_MESSAGE", "an execution_id of 129 characters");
    equals((await cancel("a\u0001")).code, "INVALID_MESSAGE", "an execution_id with a control character");
    equals((await execute("x".repeat(64))).type, "receipt", "a handler of 64 characters");
    equals((await execute("x".repeat(65))).code, "INVALID_MESSAGE", "a handler of 65 characters");
    equals((await execute("")).code, "INVALID_MESSAGE", "a handler without characters");
  });

  rule("MSG-7", "512 levels of arrays and objects are taken, one more is refused", async (t) => {
    const client = await t.connect();
    const channel = t.channel();
    // The message itself is the first level.
    const publish = (levels: number) => {
      const data = "[".repeat(levels - 1) + "]".repeat(levels - 1);
      client.sendText(
        `{"type":"publish","id":"n${levels}","channel":${JSON.stringify(channel)},"data":${data}}`,
      );
    };
    publish(512);
    equals((await client.answerTo("n512")).status, "applied", "a message of 512 levels");
    publish(513);
    equals((await client.expect("error")).code, "INVALID_MESSAGE", "the answer to 513 levels");
    client.sendText("[".repeat(100_000));
    equals((await client.expect("error")).code, "INVALID_MESSAGE", "the answer to 100000 levels");
  });

  rule("MSG-8", "a channel name of 255 bytes is taken, however many characters they are", async (t) => {
    const client = await t.connect();
    const prefix = t.channel();
    const rest = 255 - Buffer.byteLength(prefix);
    const names = [
      prefix + "x".repeat(rest),
      prefix + "ü".repeat(Math.floor(rest / 2)),
      `${prefix}-🕷️-攻殻-a.b/c?d#e%20:f`,
    ];
    for (const channel of names) {
      equals((await client.subscribe(channel)).channel, channel, "the channel that was subscribed to");
      await client.publish(channel, 1);
      await client.records(channel, 1);
    }
    for (const channel of [`${prefix}${"x".repeat(rest + 1)}`, `${prefix}${"ü".repeat(rest / 2 + 1)}`]) {
      const answer = await client.ask({ type: "subscribe", channel });
      equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], "a name that is too long");
    }
  });

  rule(
    "MSG-8",
    "names with white space, control, format, unassigned or half characters are refused",
    async (t) => {
      const client = await t.connect();
      const prefix = t.channel();
      const bad = [" ", "\t", "\n", "\u00a0", "\u0000", "\u200b", "\u00ad", "\u202e", "\u0378", "\ud83d"];
      for (const character of bad) {
        const answer = await client.ask({ type: "publish", channel: `${prefix}${character}x`, data: 1 });
        const name = `U+${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
        equals([answer.type, answer.code], ["error", "INVALID_MESSAGE"], `a name with ${name}`);
      }
    },
  );

  rule("MSG-8", "the empty name, __proto__ and names of the server's own are refused", async (t) => {
    const client = await t.connect();
    for (const channel of ["", "__proto__", "~all", "~client:x", "~"]) {
      const answer = await client.ask({ type: "publish", channel, data: 1 });
      equals(answer.type, "error", `the answer to a publish to ${shown(channel)}`);
    }
  });

  rule("MSG-9", "tachikoma.v1 is chosen when it is offered, and not needed", async (t) => {
    const channel = t.channel();
    for (const protocols of [["tachikoma.v1"], ["other", "tachikoma.v1"], []]) {
      const client = await t.connect({ protocols });
      const chosen = protocols.length === 0 ? "" : "tachikoma.v1";
      equals(client.webSocket.protocol, chosen, `the protocol chosen from ${shown(protocols)}`);
      await client.subscribe(channel);
      await client.publish(channel, 1);
      await client.records(channel, 1);
    }
  });
});

/** A name of an envelope that is not in snake_case. */
function oddName(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.map(oddName).find((name) => name !== undefined);
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    if (!SNAKE_CASE.test(name)) return name;
    const odd = OPAQUE_FIELDS.has(name) ? undefined : oddName(inner);
    if (odd !== undefined) return odd;
  }
  return undefined;
}
