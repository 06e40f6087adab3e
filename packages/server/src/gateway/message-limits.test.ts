/** What a connection may send and how it is sent to: sizes, frames, compression, rates and nonsense, over real sockets. */
import { connect } from "node:net";
import { deflateRawSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { seededRandom } from "../core/testing/seeded-random.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { until, within } from "./websocket/testing/deadline.ts";
import {
  connectRaw,
  type RawClient,
  type RawClientOptions,
  type RawFrame,
} from "./websocket/testing/raw-client.ts";

const FIN = 0x80;
const RSV1 = 0x40;
const TEXT = 0x01;
const CONTINUATION = 0x00;
const CLOSE = 0x88;
const DEFLATE_OFFER = "Sec-WebSocket-Extensions: permessage-deflate";

describe("max_message_size", () => {
  test("a message of exactly the limit is read, one byte more closes with 1009", async () => {
    const server = await startTestServer({ websocket: { maxMessageSize: 1024 } });
    const client = await server.welcomed();
    client.sendRaw(pingOf(1024).toString());
    expect((await client.next("pong")).ref).toBe("p");
    client.sendRaw(pingOf(1025).toString());
    await client.expectClose(1009);
  });

  test("the limit is of the message, not of its frames", async () => {
    const server = await startTestServer({ websocket: { maxMessageSize: 1024 } });
    const raw = await openRaw(server);
    raw.send(TEXT, Buffer.alloc(600, "x"));
    raw.send(FIN | CONTINUATION, Buffer.alloc(600, "x"));
    expect(await closeCodeOf(raw)).toBe(1009);
  });

  test("a compressed message is measured as it is unpacked, and nobody else is hurt", async () => {
    const server = await startTestServer({ websocket: { maxMessageSize: 1024 * 1024 } });
    const control = await server.welcomed();
    const bomb = deflateRawSync(Buffer.alloc(256 * 1024 * 1024, "a"));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const raw = await openRaw(server, { headers: [DEFLATE_OFFER] });
    raw.send(FIN | RSV1 | TEXT, bomb);
    expect(await closeCodeOf(raw)).toBe(1009);
    await control.settle();
  });
});

describe("max_frame_size", () => {
  test("longer messages go out in pieces of at most that size, which make the message again", async () => {
    const server = await startTestServer({ websocket: { maxFrameSize: 256, compression: false } });
    const raw = await openRaw(server);
    raw.send(FIN | TEXT, wire({ type: "subscribe", id: "s", channel: "room:1" }));
    await until("the subscription is there", () => textsOf(raw).some((text) => text.includes("subscribed")));
    const data = "0123456789".repeat(1_000);
    await server.server.publish("room:1", data);
    await until("the message is whole", () => textsOf(raw).some((text) => text.includes(`"message"`)));
    for (const { payload } of raw.frames) expect(payload.length).toBeLessThanOrEqual(256);
    const message = textsOf(raw).find((text) => text.includes(`"message"`));
    expect(JSON.parse(message!)).toMatchObject({ type: "message", channel: "room:1", data });
  });

  test("binds what comes in only with enforce_inbound_frame_size", async () => {
    const message = pingOf(2_000);
    const lenient = await startTestServer({ websocket: { maxFrameSize: 1024 } });
    const free = await openRaw(lenient);
    free.send(FIN | TEXT, message);
    await until("the pong came", () => textsOf(free).some((text) => text.includes("pong")));

    const strict = await startTestServer({
      websocket: { maxFrameSize: 1024, enforceInboundFrameSize: true },
    });
    const split = await openRaw(strict);
    split.send(TEXT, message.subarray(0, 1_000));
    split.send(FIN | CONTINUATION, message.subarray(1_000));
    await until("the pong came", () => textsOf(split).some((text) => text.includes("pong")));
    const whole = await openRaw(strict);
    whole.send(FIN | TEXT, message);
    expect(await closeCodeOf(whole)).toBe(1009);
    expect(textsOf(whole).some((text) => text.includes("pong"))).toBe(false);
  });
});

describe("compression", () => {
  test("is used for large messages of clients that offer it, and only for those", async () => {
    const server = await startTestServer();
    const offering = await openRaw(server, { headers: [DEFLATE_OFFER] });
    const plain = await openRaw(server);
    expect(offering.response).toContain("permessage-deflate");
    expect(plain.response).not.toContain("permessage-deflate");
    for (const raw of [offering, plain]) {
      raw.send(FIN | TEXT, wire({ type: "subscribe", id: "s", channel: "room:1" }));
      await until("the subscription is there", () =>
        textsOf(raw).some((text) => text.includes("subscribed")),
      );
    }
    await server.server.publish("room:1", "small");
    await server.server.publish("room:1", "large ".repeat(5_000));
    const bytesOf = (raw: RawClient) => raw.frames.reduce((sum, { payload }) => sum + payload.length, 0);
    await until("the plain one has both", () => bytesOf(plain) > 30_000);
    await until("the large one came compressed", () => offering.frames.some(isCompressed));
    expect(plain.frames.some(isCompressed)).toBe(false);
    expect(bytesOf(offering)).toBeLessThan(5_000);
    expect(textsOf(offering).some((text) => text.includes("small"))).toBe(true);
  });

  test.each([true, false])("a large message survives both ways with compression %s", async (compression) => {
    const server = await startTestServer({ websocket: { compression } });
    const sender = await server.welcomed();
    const reader = await server.welcomed();
    expect(reader.webSocket.extensions.includes("permessage-deflate")).toBe(compression);
    await reader.ask({ type: "subscribe", id: "s", channel: "room:1" });
    const data = Array.from({ length: 20_000 }, (_, index) => `word${index} é 漢 🙂`).join(" ");
    expect(await sender.ask({ type: "publish", id: "p", channel: "room:1", data })).toMatchObject({
      status: "applied",
    });
    expect((await reader.next("message")).data).toBe(data);
  });

  test("a client that offers nothing else than what the server has not is served plain", async () => {
    const server = await startTestServer();
    const raw = await openRaw(server, { headers: ["Sec-WebSocket-Extensions: x-unknown; a=1"] });
    await until("welcome came", () => textsOf(raw).some((text) => text.includes("welcome")));
    expect(raw.response.toLowerCase()).not.toContain("sec-websocket-extensions");
  });
});

describe("nonsense", () => {
  test("a binary frame is answered with BINARY_NOT_SUPPORTED and the connection lives", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    client.sendRaw(Buffer.from(`{"type":"ping"}`));
    expect((await client.next("error")).code).toBe("BINARY_NOT_SUPPORTED");
    await client.settle();
  });

  test.each([
    ["nothing", "", "INVALID_MESSAGE"],
    ["half an object", `{"type":"ping"`, "INVALID_MESSAGE"],
    ["words", "hello", "INVALID_MESSAGE"],
    ["null", "null", "INVALID_MESSAGE"],
    ["a list", `[{"type":"ping"}]`, "INVALID_MESSAGE"],
    ["a number", "1", "INVALID_MESSAGE"],
    ["no type", "{}", "INVALID_MESSAGE"],
    ["a type that is no text", `{"type":1}`, "INVALID_MESSAGE"],
    ["an unknown type", `{"type":"sing"}`, "UNKNOWN_TYPE"],
    ["a name of every object", `{"type":"__proto__"}`, "UNKNOWN_TYPE"],
    ["a method of every object", `{"type":"constructor"}`, "UNKNOWN_TYPE"],
    ["a message of the server", `{"type":"welcome"}`, "UNKNOWN_TYPE"],
    ["a publish without id", `{"type":"publish","channel":"a:b","data":1}`, "INVALID_MESSAGE"],
    ["a channel that is none", `{"type":"subscribe","channel":""}`, ["INVALID_MESSAGE", "INVALID_CHANNEL"]],
    [
      "deep nesting",
      `{"type":"custom","action":"a","payload":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
      "INVALID_MESSAGE",
    ],
  ])("%s is answered with an error and the connection lives", async (_what, text, code) => {
    const server = await startTestServer();
    const client = await server.welcomed();
    client.sendRaw(text);
    const error = await client.next("error");
    expect([code].flat()).toContain(error.code);
    expect(error.message).not.toBe("");
    await client.settle();
  });

  test("the answer to an invalid request carries its id", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    client.send({ type: "subscribe", id: "wrong", channel: 7 });
    expect(await client.next("error")).toMatchObject({ ref: "wrong", code: "INVALID_MESSAGE" });
    client.send({ type: "sing", id: "stranger" });
    expect(await client.next("error")).toMatchObject({ ref: "stranger", code: "UNKNOWN_TYPE" });
  });

  test("an error does not repeat what was sent", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    client.send({ type: "auth", id: "a", token: { secret: "hunter2-hunter2" } });
    expect(JSON.stringify(await client.next("error"))).not.toContain("hunter2");
  });

  test("text that is not UTF-8 closes with 1007", async () => {
    const server = await startTestServer();
    const raw = await openRaw(server);
    raw.send(FIN | TEXT, Buffer.from([0xff, 0xfe, 0xfd]));
    expect(await closeCodeOf(raw)).toBe(1007);
  });

  test("more than max_invalid_messages_per_minute closes with 4429", async () => {
    const server = await startTestServer({ websocket: { maxInvalidMessagesPerMinute: 3 } });
    const client = await server.welcomed();
    for (const text of ["{", "[]", "3"]) client.sendRaw(text);
    await client.untilReceived("error", 3);
    await client.settle();
    client.sendRaw(Buffer.from("binary counts too"));
    await client.expectClose(4429);
    await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
  });

  test("a refused request is not an invalid message", async () => {
    const server = await startTestServer({ websocket: { maxInvalidMessagesPerMinute: 2 } });
    const client = await server.welcomed();
    for (let index = 0; index < 10; index += 1) {
      const answer = await client.ask({ type: "unsubscribe", id: `u${index}`, channel: "room:never" });
      expect(answer.code).toBe("NOT_SUBSCRIBED");
    }
    await client.settle();
  });
});

describe("rates and amounts", () => {
  test("a flood of valid messages is slowed and none is lost or out of order", async () => {
    const server = await startTestServer({ websocket: { maxMessagesPerSec: 200, maxMessageBurst: 20 } });
    const flooder = await server.welcomed();
    const other = await server.welcomed();
    const startedMs = performance.now();
    for (let index = 0; index < 120; index += 1) flooder.send({ type: "ping", id: `p${index}` });
    await other.settle();
    expect(flooder.unread("pong").length).toBeLessThan(120);
    await flooder.untilReceived("pong", 120);
    // 100 messages above the burst at 200 a second.
    expect(performance.now() - startedMs).toBeGreaterThan(400);
    expect(flooder.received.slice(1).map(({ ref }) => ref)).toEqual(
      Array.from({ length: 120 }, (_, index) => `p${index}`),
    );
  });

  test("published messages of a flood are all applied, in order", async () => {
    const server = await startTestServer({ websocket: { maxMessagesPerSec: 1_000, maxMessageBurst: 50 } });
    const client = await server.welcomed();
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    const numbers = Array.from({ length: 300 }, (_, index) => index);
    for (const data of numbers) client.send({ type: "publish", id: `p${data}`, channel: "room:1", data });
    await client.untilReceived("message", 300);
    await client.untilReceived("receipt", 300);
    expect(client.unread("message").map(({ data }) => data)).toEqual(numbers);
    expect(new Set(client.unread("receipt").map(({ status }) => status))).toEqual(new Set(["applied"]));
  });

  test("subscriptions above the limit are refused, and the place of one that ended is free", async () => {
    const server = await startTestServer({ websocket: { maxSubscriptions: 2 } });
    const client = await server.welcomed();
    const subscribe = (id: string) => client.ask({ type: "subscribe", id, channel: `room:${id}` });
    expect((await subscribe("a")).type).toBe("subscribed");
    expect((await subscribe("b")).type).toBe("subscribed");
    expect(await subscribe("c")).toMatchObject({ type: "error", code: "TOO_MANY_SUBSCRIPTIONS" });
    expect((await subscribe("a")).type).toBe("subscribed");
    await client.ask({ type: "unsubscribe", id: "u", channel: "room:a" });
    expect((await subscribe("c")).type).toBe("subscribed");
  });

  test("racing subscriptions do not slip past the limit", async () => {
    const server = await startTestServer({ websocket: { maxSubscriptions: 3 } });
    const client = await server.welcomed();
    const ids = Array.from({ length: 12 }, (_, index) => `r${index}`);
    const answers = await Promise.all(
      ids.map((id) => client.ask({ type: "subscribe", id, channel: `room:${id}` })),
    );
    expect(answers.filter(({ type }) => type === "subscribed")).toHaveLength(3);
  });

  test("a record above max_record_bytes is rejected by name and number", async () => {
    const server = await startTestServer({ channels: { small: { maxRecordBytes: 256 } } });
    const client = await server.welcomed();
    const answer = await client.ask({ type: "publish", id: "p", channel: "small:1", data: "x".repeat(300) });
    expect(answer).toMatchObject({
      type: "receipt",
      status: "rejected",
      error: { code: "RECORD_TOO_LARGE" },
    });
    expect(answer.error?.message).toContain("256");
    await expect(server.server.publish("small:1", "x".repeat(300))).rejects.toMatchObject({
      code: "RECORD_TOO_LARGE",
    });
  });
});

describe("garbage on the wire", () => {
  test("at any stage hurts nobody but its sender", async () => {
    const server = await startTestServer({ websocket: { connectionTimeoutSecs: 0.5 } });
    const control = await server.welcomed();
    const random = seededRandom(20_260_101);
    for (let round = 0; round < 40; round += 1) {
      const junk = Buffer.from(Array.from({ length: 400 }, () => Math.floor(random.fraction() * 256)));
      if (round % 2 === 0) {
        const socket = connect(server.port, "127.0.0.1");
        socket.on("error", () => undefined);
        socket.resume();
        const ended = new Promise((resolve) => socket.once("close", resolve));
        socket.write(
          round % 4 === 0 ? junk : Buffer.concat([Buffer.from("GET /ws HTTP/1.1\r\nHost: x\r\n"), junk]),
        );
        await within("the server to end a socket that sent junk", ended);
      } else {
        const raw = await openRaw(server, round % 4 === 1 ? { headers: [DEFLATE_OFFER] } : {});
        raw.socket.write(junk);
        raw.socket.end();
        await within("the end of a raw client", new Promise((resolve) => raw.socket.once("close", resolve)));
      }
    }
    await control.settle();
    await until("only the control client is left", () => server.server.connections.count === 1);
  });

  test("a socket that is reset in the middle of a frame leaves nothing behind", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 100 } });
    const control = await server.welcomed();
    for (let index = 0; index < 20; index += 1) {
      const raw = await openRaw(server);
      raw.socket.write(Buffer.from([0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, 5]));
      raw.reset();
    }
    await until("only the control client is left", () => server.server.connections.count === 1);
    await control.settle();
  });
});

function wire(message: object): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** A ping of so many bytes. */
function pingOf(byteCount: number): Buffer {
  const bare = wire({ type: "ping", id: "p", filling: "" }).length;
  return wire({ type: "ping", id: "p", filling: "x".repeat(byteCount - bare) });
}

async function openRaw(server: TestServer, options: RawClientOptions = {}): Promise<RawClient> {
  const raw = await connectRaw(server.port, options);
  onTestFinished(() => {
    raw.socket.destroy();
  });
  return raw;
}

function isCompressed({ firstByte }: RawFrame): boolean {
  return (firstByte & RSV1) !== 0;
}

/** The whole uncompressed text messages so far. */
function textsOf(raw: RawClient): string[] {
  const texts: string[] = [];
  let pieces: Buffer[] = [];
  for (const { firstByte, payload } of raw.frames) {
    const opcode = firstByte & 0x0f;
    if (opcode === TEXT) pieces = [payload];
    else if (opcode === CONTINUATION) pieces.push(payload);
    else continue;
    if ((firstByte & FIN) !== 0 && (firstByte & RSV1) === 0)
      texts.push(Buffer.concat(pieces).toString("utf8"));
  }
  return texts;
}

async function closeCodeOf(raw: RawClient): Promise<number> {
  await until("the server closes", () => raw.frames.some(({ firstByte }) => firstByte === CLOSE));
  return raw.frames.find(({ firstByte }) => firstByte === CLOSE)!.payload.readUInt16BE(0);
}
