import { deflateRawSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import { FakeClock } from "../../core/testing/fake-clock.ts";
import { until, within } from "./testing/deadline.ts";
import { connectRaw, maskedFrame, type RawClientOptions } from "./testing/raw-client.ts";
import {
  startTransportServer,
  type TransportServer,
  type TransportServerOptions,
} from "./testing/transport-server.ts";

const MIB = 1024 * 1024;
const TEXT = 0x81;
const TEXT_DEFLATED = 0xc1;
const CLOSE = 0x88;
const PING = 0x89;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startServer(options: TransportServerOptions = {}): Promise<TransportServer> {
  const server = await startTransportServer(options);
  cleanups.push(() => within("the server to close", server.close()));
  return server;
}

async function connectClient(server: TransportServer, options: ClientOptions = {}, protocols: string[] = []) {
  const webSocket = new WebSocket(server.url, protocols, { maxPayload: 64 * MIB, ...options });
  const messages: string[] = [];
  const closes: { code: number; reason: string }[] = [];
  webSocket.on("message", (data) => messages.push((data as Buffer).toString()));
  webSocket.on("close", (code, reason) => closes.push({ code, reason: reason.toString() }));
  webSocket.on("error", () => undefined);
  cleanups.push(() => webSocket.terminate());
  await within("the client to open", new Promise((resolve) => webSocket.once("open", resolve)));
  return { webSocket, messages, closes, connection: server.connections.at(-1)! };
}

async function connectRawClient(server: TransportServer, options: RawClientOptions = {}) {
  const client = await connectRaw(server.port, options);
  cleanups.push(() => client.socket.destroy());
  return { client, connection: server.connections.at(-1)! };
}

/** Text that does not compress to nothing. */
function longText(bytes: number): string {
  const block = Array.from({ length: 2000 }, (_, index) => (index * 2654435761).toString(36)).join("");
  return block.repeat(Math.ceil(bytes / block.length)).slice(0, bytes);
}

function sendTo(connection: TransportServer["connections"][number], text: string): void {
  connection.transport.write(connection.transport.framing.frame(text));
}

function loopTurns(count: number): Promise<void> {
  return Array.from({ length: count }).reduce<Promise<void>>(
    (before) => before.then(() => new Promise((resolve) => setImmediate(resolve))),
    Promise.resolve(),
  );
}

describe("data out", () => {
  test("a message in many frames is one message to the client", async () => {
    const server = await startServer({ maxFrameBytes: 1000, isCompressionEnabled: false });
    const { messages, connection } = await connectClient(server);
    const text = `${"é".repeat(50_000)}end`;
    sendTo(connection, text);
    sendTo(connection, "short");
    await until("both messages arrived", () => messages.length === 2);
    expect(messages).toEqual([text, "short"]);
  });

  test.each([
    ["a client that offers compression", { perMessageDeflate: true }, "ws+deflate"],
    ["a client with a small window", { perMessageDeflate: { serverMaxWindowBits: 10 } }, "ws+deflate10"],
    ["a client that offers none", { perMessageDeflate: false }, "ws"],
  ])("%s reads large and small messages", async (_name, clientOptions, framingId) => {
    const server = await startServer({ maxFrameBytes: 4096 });
    const { messages, connection } = await connectClient(server, clientOptions);
    expect(connection.transport.framing.id).toBe(framingId);
    const texts = [longText(200_000), "small", longText(9000), longText(200_000)];
    for (const text of texts) sendTo(connection, text);
    await until("all messages arrived", () => messages.length === texts.length);
    expect(messages).toEqual(texts);
  });

  test("compression that is switched off is not negotiated", async () => {
    const server = await startServer({ isCompressionEnabled: false });
    const { webSocket, connection } = await connectClient(server, { perMessageDeflate: true });
    expect(webSocket.extensions).toBe("");
    expect(connection.transport.framing.id).toBe("ws");
  });

  test("a ping passes between the fragments of 16 MiB while the reader is slow", async () => {
    const server = await startServer({ isCompressionEnabled: false });
    const { client, connection } = await connectRawClient(server, { isPaused: true });
    sendTo(connection, "x".repeat(16 * MIB));
    expect(connection.transport.bufferedBytes).toBeGreaterThan(4 * MIB);
    connection.transport.ping(7);
    client.socket.resume();
    await until("the end of the message arrived", () =>
      client.frames.some((frame) => frame.firstByte === 0x80),
    );
    const kinds = client.frames.map((frame) => frame.firstByte);
    const pingIndex = kinds.indexOf(PING);
    expect(pingIndex).toBeGreaterThan(0);
    expect(pingIndex).toBeLessThan(kinds.indexOf(0x80));
    expect(client.frames[pingIndex]!.payload.toString()).toBe("7");
    const payloadBytes = client.frames
      .filter((frame) => frame.firstByte !== PING)
      .map((frame) => frame.payload.length);
    expect(payloadBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(16 * MIB);
    await until("the drain was told", () => connection.drainCount === 1);
    expect(connection.transport.bufferedBytes).toBe(0);
  });

  test("many connections can be sent the same buffer", async () => {
    const server = await startServer();
    const clients = [await connectClient(server), await connectClient(server), await connectClient(server)];
    const text = longText(300_000);
    const bytes = clients[0]!.connection.transport.framing.frame(text);
    for (const { connection } of clients) connection.transport.write(bytes);
    await until("all have it", () => clients.every(({ messages }) => messages.length === 1));
    for (const { messages } of clients) expect(messages[0]).toBe(text);
  });
});

describe("data in", () => {
  test("texts, binary frames and pongs are told apart", async () => {
    const server = await startServer();
    const { webSocket, connection } = await connectClient(server);
    webSocket.send("héllo");
    webSocket.send(Buffer.from([1, 2]));
    connection.transport.ping(0);
    connection.transport.ping(Number.MAX_SAFE_INTEGER);
    await until("all arrived", () => connection.pongs.length === 2 && connection.binaryCount === 1);
    expect(connection.texts).toEqual(["héllo"]);
    expect(connection.pongs).toEqual([0, Number.MAX_SAFE_INTEGER]);
  });

  test("a pong that answers no ping of ours is ignored", async () => {
    const server = await startServer();
    const { webSocket, connection } = await connectClient(server);
    for (const payload of ["", "-1", "1.5", "1e3", "007", "99999999999999999999", "abc"])
      webSocket.pong(payload);
    webSocket.pong("12");
    await until("the last pong arrived", () => connection.pongs.length > 0);
    expect(connection.pongs).toEqual([12]);
  });

  test("while reading is paused nothing is taken in, and afterwards everything is", async () => {
    const server = await startServer();
    const { webSocket, connection } = await connectClient(server);
    connection.transport.pauseReading();
    const sent = Array.from({ length: 50 }, (_, index) => `message ${index}`);
    await Promise.all(sent.map((text) => new Promise((resolve) => webSocket.send(text, resolve))));
    await loopTurns(20);
    expect(connection.texts).toEqual([]);
    connection.transport.resumeReading();
    await until("all arrived", () => connection.texts.length === sent.length);
    expect(connection.texts).toEqual(sent);
  });

  test("a compressed message that grows beyond the limit is refused with 1009", async () => {
    const server = await startServer({ maxMessageBytes: MIB });
    const { client, connection } = await connectRawClient(server, {
      headers: ["Sec-WebSocket-Extensions: permessage-deflate"],
    });
    const bomb = deflateRawSync(Buffer.alloc(200 * MIB), { finishFlush: 2 }).subarray(0, -4);
    expect(bomb.length).toBeLessThan(MIB);
    client.send(TEXT_DEFLATED, bomb);
    await until("the server closed", () => client.frames.some((frame) => frame.firstByte === CLOSE));
    expect(client.frames.at(-1)!.payload.readUInt16BE(0)).toBe(1009);
    await until("the close was told", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([1009]);
    expect(connection.texts).toEqual([]);
  });

  test("a compressed message within the limit is read, also by a client that keeps its window", async () => {
    const server = await startServer({ maxMessageBytes: MIB });
    const { webSocket, connection } = await connectClient(server, { perMessageDeflate: { threshold: 0 } });
    const texts = [longText(500_000), longText(500_000), "x"];
    for (const text of texts) webSocket.send(text);
    await until("all arrived", () => connection.texts.length === texts.length);
    expect(connection.texts).toEqual(texts);
  });

  const unmaskedFrame = Buffer.from([TEXT, 1, 0x61]);
  test.each([
    ["a message above the limit", 1009, [maskedFrame(TEXT, Buffer.alloc(2 * MIB))]],
    [
      "fragments that add up to more than the limit",
      1009,
      [maskedFrame(0x01, Buffer.alloc(MIB)), maskedFrame(0x80, Buffer.alloc(1))],
    ],
    [
      "a length beyond what can be counted",
      1009,
      [Buffer.from([TEXT, 0xff, ...new Array<number>(12).fill(0xff)])],
    ],
    ["a frame without mask", 1002, [unmaskedFrame]],
    ["a reserved bit", 1002, [maskedFrame(0xa1, Buffer.from("a"))]],
    ["compression that was not negotiated", 1002, [maskedFrame(TEXT_DEFLATED, Buffer.from("a"))]],
    ["an unknown opcode", 1002, [maskedFrame(0x83, Buffer.from("a"))]],
    ["text that is not UTF-8", 1007, [maskedFrame(TEXT, Buffer.from([0xc3, 0x28]))]],
    [
      "too many fragments",
      1008,
      [
        maskedFrame(0x01, Buffer.from("a")),
        Buffer.concat(new Array<Buffer>(16_400).fill(maskedFrame(0x00, Buffer.from("a")))),
      ],
    ],
  ])("%s is refused with %i", async (_name, closeCode, sent) => {
    const server = await startServer({ maxMessageBytes: MIB });
    const { client, connection } = await connectRawClient(server);
    for (const bytes of sent) client.socket.write(bytes);
    await until("the server closed", () => client.frames.some((frame) => frame.firstByte === CLOSE));
    expect(client.frames.at(-1)!.payload.readUInt16BE(0)).toBe(closeCode);
    await until("the close was told", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([closeCode]);
  });

  test("damaged compression is refused with 1007", async () => {
    const server = await startServer();
    const { client, connection } = await connectRawClient(server, {
      headers: ["Sec-WebSocket-Extensions: permessage-deflate"],
    });
    client.send(TEXT_DEFLATED, Buffer.alloc(100, 0xff));
    await until("the close was told", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([1007]);
  });

  test("with the frame size enforced a larger frame is refused with 1009 and a fragmented message is not", async () => {
    const server = await startServer({ isInboundFrameSizeEnforced: true, maxFrameBytes: 1000 });
    const { client, connection } = await connectRawClient(server);
    client.send(0x01, Buffer.alloc(1000, 0x61));
    client.send(0x80, Buffer.alloc(1000, 0x61));
    await until("the message arrived", () => connection.texts.length === 1);
    // The header alone is enough: the payload is never sent.
    client.socket.write(maskedFrame(TEXT, Buffer.alloc(1001)).subarray(0, 14));
    await until("the server closed", () => client.frames.some((frame) => frame.firstByte === CLOSE));
    expect(client.frames.at(-1)!.payload.readUInt16BE(0)).toBe(1009);
  });
});

describe("close", () => {
  test("sends what was written before, then code and reason, and no more", async () => {
    const server = await startServer({ maxFrameBytes: 4096, isCompressionEnabled: false });
    const { webSocket, messages, closes, connection } = await connectClient(server);
    webSocket.pause();
    const text = "x".repeat(16 * MIB);
    sendTo(connection, text);
    sendTo(connection, "last");
    connection.transport.close(4010, "The connection does not read");
    sendTo(connection, "too late");
    webSocket.resume();
    await until("the client saw the close", () => closes.length === 1);
    expect(messages.map((message) => message.length)).toEqual([text.length, 4]);
    expect(closes).toEqual([{ code: 4010, reason: "The connection does not read" }]);
    await until("the server saw the answer", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([4010]);
    expect(connection.transport.bufferedBytes).toBe(0);
  });

  test("a long reason is cut at a character", async () => {
    const server = await startServer();
    const { closes, connection } = await connectClient(server);
    connection.transport.close(1012, "€".repeat(100));
    await until("the client saw the close", () => closes.length === 1);
    expect(closes).toEqual([{ code: 1012, reason: "€".repeat(41) }]);
  });

  test("reads on for the peer's answer although reading was paused", async () => {
    const server = await startServer();
    const { closes, connection } = await connectClient(server);
    connection.transport.pauseReading();
    connection.transport.close(1001, "");
    connection.transport.pauseReading();
    await until("both sides closed", () => closes.length === 1 && connection.closeCodes.length === 1);
    expect(connection.closeCodes).toEqual([1001]);
  });

  test.each([
    ["answers the close", 10],
    ["reads", 16 * MIB],
  ])("a peer that never %s is cut off when the time is up", async (_name, writtenBytes) => {
    const clock = new FakeClock();
    const server = await startServer({ clock, isCompressionEnabled: false });
    const { connection } = await connectRawClient(server, { isPaused: true });
    sendTo(connection, "x".repeat(writtenBytes));
    connection.transport.close(1001, "");
    await clock.advance(9_999);
    expect(connection.closeCodes).toEqual([]);
    await clock.advance(1);
    await until("the close was told", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([1006]);
    expect(connection.transport.bufferedBytes).toBe(0);
  });

  test("an answered close leaves no timer", async () => {
    const clock = new FakeClock();
    const server = await startServer({ clock });
    const { connection } = await connectClient(server);
    connection.transport.close(1001, "");
    connection.transport.close(1011, "a second time");
    await until("the close was told", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([1001]);
    expect(clock.pendingTimerCount).toBe(0);
    connection.transport.close(1001, "");
    expect(clock.pendingTimerCount).toBe(0);
  });

  test.each([999, 1005, 1006, 1015, 2000, 5000])(
    "code %i may not be sent and is a mistake at once",
    async (code) => {
      const server = await startServer();
      const { connection } = await connectClient(server);
      expect(() => connection.transport.close(code, "")).toThrow(`Close code ${code}`);
    },
  );

  test("the peer's own close ends the writing, in the middle of a message too", async () => {
    const server = await startServer({ isCompressionEnabled: false });
    const { client, connection } = await connectRawClient(server, { isPaused: true });
    sendTo(connection, "x".repeat(16 * MIB));
    client.send(CLOSE, Buffer.from([0x0f, 0xa0]));
    await until("the close arrived", () => connection.webSocket.readyState === WebSocket.CLOSING);
    client.socket.resume();
    await until("the server closed", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([4000]);
    await until("its close frame arrived", () => client.frames.some((frame) => frame.firstByte === CLOSE));
    expect(client.frames.at(-1)!.firstByte).toBe(CLOSE);
  });
});

describe("a connection that is reset", () => {
  test.each<[string, (server: TransportServer) => Promise<() => void>]>([
    ["right after the handshake", async () => () => undefined],
    [
      "in the middle of a frame of its own",
      async (server) => {
        const { client } = await connectRawClient(server);
        client.socket.write(maskedFrame(TEXT, Buffer.alloc(1000)).subarray(0, 500));
        return () => client.reset();
      },
    ],
    [
      "while a large message is on its way",
      async (server) => {
        const { client, connection } = await connectRawClient(server, { isPaused: true });
        sendTo(connection, "x".repeat(16 * MIB));
        return () => client.reset();
      },
    ],
    [
      "while the server closes",
      async (server) => {
        const { client, connection } = await connectRawClient(server, { isPaused: true });
        sendTo(connection, "x".repeat(16 * MIB));
        connection.transport.close(1001, "");
        return () => client.reset();
      },
    ],
    [
      "while reading is paused",
      async (server) => {
        const { client, connection } = await connectRawClient(server, { isPaused: true });
        connection.transport.pauseReading();
        sendTo(connection, "x".repeat(MIB));
        return () => client.reset();
      },
    ],
  ])("%s ends in one close and no error", async (_name, prepare) => {
    const server = await startServer({ isCompressionEnabled: false, maxFrameBytes: 1000 });
    const reset = await prepare(server);
    if (server.connections.length === 0) (await connectRawClient(server)).client.reset();
    else reset();
    const connection = server.connections[0]!;
    // What a server does that has not noticed yet.
    for (let turn = 0; turn < 20; turn += 1) {
      sendTo(connection, "x".repeat(100_000));
      connection.transport.ping(turn);
      await loopTurns(1);
    }
    await until("the close was told", () => connection.closeCodes.length > 0);
    expect(connection.closeCodes).toEqual([1006]);
    expect(connection.transport.bufferedBytes).toBe(0);
    sendTo(connection, "late");
    connection.transport.ping(1);
    connection.transport.pauseReading();
    connection.transport.resumeReading();
    connection.transport.close(1001, "");
    await loopTurns(5);
    expect(connection.closeCodes).toEqual([1006]);
  });
});
