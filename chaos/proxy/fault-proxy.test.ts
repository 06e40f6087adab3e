import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { eventually, within } from "../../e2e/support/wait.ts";
import { FakeClock } from "../../packages/server/src/core/testing/fake-clock.ts";
import type { ConnectionFaults } from "./connection-faults.ts";
import { FaultProxy } from "./fault-proxy.ts";

const TIMEOUT_MS = 5_000;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** One side of a connection, with what has arrived at it. */
class Peer {
  readonly socket: Socket;
  text = "";
  hasEnded = false;
  error: string | undefined;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.text += bytes.toString();
    });
    socket.on("end", () => {
      this.hasEnded = true;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.error = error.code;
    });
    socket.on("close", () => {
      this.isClosed = true;
    });
  }

  async until(what: string, isSo: (peer: Peer) => boolean): Promise<void> {
    await eventually(
      TIMEOUT_MS,
      what,
      () => isSo(this) || undefined,
      () => JSON.stringify({ text: this.text, hasEnded: this.hasEnded, error: this.error }),
    );
  }
}

async function listen(): Promise<{ server: Server; next(): Promise<Peer> }> {
  const server = createServer({ allowHalfOpen: true });
  const waiting: Peer[] = [];
  server.on("connection", (socket) => waiting.push(new Peer(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  const next = () => eventually(TIMEOUT_MS, "a connection", () => waiting.shift());
  return { server, next };
}

async function throughProxy(faults: ConnectionFaults = {}, clock?: FakeClock) {
  const { server, next } = await listen();
  const targetPort = (server.address() as AddressInfo).port;
  const proxy = await FaultProxy.start({
    targetPort,
    seed: 1,
    watchFor: ["subscribe"],
    ...(clock && { clock }),
  });
  cleanups.push(() => proxy.close());
  proxy.setFaults(faults);
  const client = new Peer(connect({ port: proxy.port, host: "127.0.0.1", allowHalfOpen: true }));
  const node = await next();
  return { proxy, client, node, connection: proxy.connections[0]!, next };
}

test("passes bytes and ends both ways", async () => {
  const { client, node, proxy } = await throughProxy();
  client.socket.write("to the server");
  node.socket.write("to the client");
  await node.until("bytes at the server", ({ text }) => text === "to the server");
  await client.until("bytes at the client", ({ text }) => text === "to the client");
  client.socket.end("last");
  await node.until("the end", ({ hasEnded }) => hasEnded);
  expect(node.text).toBe("to the serverlast");
  node.socket.end("answer");
  await client.until("the answer", ({ isClosed }) => isClosed);
  expect(client.text).toBe("to the clientanswer");
  await eventually(TIMEOUT_MS, "no connection left", () => proxy.connections.length === 0 || undefined);
});

test("a reset of one side is a reset of the other", async () => {
  const { client, node } = await throughProxy();
  node.socket.resetAndDestroy();
  await client.until("the reset", ({ error }) => error === "ECONNRESET");
});

test("holds every piece back for its delay, in order", async () => {
  const clock = new FakeClock();
  const { client, node, connection } = await throughProxy(
    { toServer: { delayMs: 100, jitterMs: 50 } },
    clock,
  );
  for (const piece of ["a", "b", "c"]) {
    const { queuedBytes } = connection.toServer;
    client.socket.write(piece);
    await eventually(
      TIMEOUT_MS,
      "the piece at the proxy",
      () => connection.toServer.queuedBytes > queuedBytes || undefined,
    );
  }
  await clock.advance(99);
  expect(connection.toServer.passedBytes).toBe(0);
  await clock.advance(51);
  await node.until("all pieces", ({ text }) => text === "abc");
});

test("throttles to so many bytes a second", async () => {
  const clock = new FakeClock();
  const { client, node, connection } = await throughProxy({ toServer: { bytesPerSec: 1_000 } }, clock);
  client.socket.write("x".repeat(500));
  await eventually(
    TIMEOUT_MS,
    "the bytes at the proxy",
    () => connection.toServer.queuedBytes + connection.toServer.passedBytes === 500 || undefined,
  );
  await clock.advance(200);
  expect(connection.toServer.passedBytes).toBe(250);
  await clock.advance(250);
  await node.until("everything", ({ text }) => text.length === 500);
});

test("cuts what it passes into slices", async () => {
  const { client, node } = await throughProxy({ toServer: { maxSliceBytes: 1 } });
  const sizes: number[] = [];
  node.socket.on("data", (bytes) => sizes.push(bytes.length));
  client.socket.write("twelve bytes");
  await node.until("everything", ({ text }) => text === "twelve bytes");
  expect(sizes.length).toBeGreaterThan(1);
});

test.each([0, 1, 7])("cuts by FIN after exactly %i bytes", async (afterBytes) => {
  const { client, node, proxy } = await throughProxy();
  proxy.setFaults({ toServer: { cut: { afterBytes, kind: "fin" } } });
  client.socket.write("0123456789");
  await node.until("the end", ({ hasEnded, error }) => hasEnded && error === undefined);
  expect(node.text).toBe("0123456789".slice(0, afterBytes));
  await client.until("the end", ({ hasEnded, isClosed }) => hasEnded || isClosed);
});

test("cuts by RST inside what the server says", async () => {
  const { client, node, proxy } = await throughProxy();
  proxy.setFaults({ toClient: { cut: { afterBytes: 4, kind: "rst" } } });
  node.socket.write("0123456789");
  await client.until("the reset", ({ error }) => error === "ECONNRESET");
  expect("0123".startsWith(client.text)).toBe(true);
  await node.until("the reset", ({ error }) => error === "ECONNRESET");
});

test("a black hole of one direction leaves the other alone, and gives back what it held when it is healed", async () => {
  const { client, node, proxy, connection } = await throughProxy({ toServer: { isHeld: true } });
  client.socket.end("lost?");
  node.socket.write("heard");
  await client.until("the other direction", ({ text }) => text === "heard");
  expect(connection.toServer.passedBytes).toBe(0);
  proxy.heal();
  await node.until("what was held", ({ text, hasEnded }) => text === "lost?" && hasEnded);
});

test("a black hole hides even the death of the other side", async () => {
  const { client, node, proxy } = await throughProxy({
    toServer: { isHeld: true },
    toClient: { isHeld: true },
  });
  node.socket.resetAndDestroy();
  await within(TIMEOUT_MS, "the server's own end", once(node.socket, "close"));
  expect(client.isClosed).toBe(false);
  proxy.heal();
  client.socket.write("anybody there?");
  await client.until("the reset", ({ error }) => error !== undefined);
});

test("refuses, ignores, and forwards again", async () => {
  const { proxy, next } = await throughProxy();
  proxy.admission = "refuse";
  const refused = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  await refused.until("the refusal", ({ isClosed }) => isClosed);
  proxy.admission = "ignore";
  const ignored = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  await within(TIMEOUT_MS, "the handshake", once(ignored.socket, "connect"));
  ignored.socket.write("hello?");
  proxy.heal();
  await ignored.until("the end of being ignored", ({ isClosed }) => isClosed);
  const client = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  const node = await next();
  client.socket.write("hello");
  await node.until("the hello", ({ text }) => text === "hello");
});

test("who is behind it may change, and nobody is a refusal", async () => {
  const { proxy } = await throughProxy();
  const other = await listen();
  proxy.targetPort = (other.server.address() as AddressInfo).port;
  const client = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  const node = await other.next();
  client.socket.write("to the other");
  await node.until("bytes", ({ text }) => text === "to the other");
  proxy.targetPort = undefined;
  const refused = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  await refused.until("the refusal", ({ isClosed }) => isClosed);
});

test("faults of the next connections go by their number", async () => {
  const { proxy, next } = await throughProxy();
  proxy.setFaultsOfNext((number) =>
    number === 2 ? { toServer: { cut: { afterBytes: 2, kind: "fin" } } } : {},
  );
  const second = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  const secondNode = await next();
  const third = new Peer(connect({ port: proxy.port, host: "127.0.0.1" }));
  const thirdNode = await next();
  second.socket.write("abcd");
  third.socket.write("abcd");
  await secondNode.until("the cut", ({ hasEnded }) => hasEnded);
  await thirdNode.until("all", ({ text }) => text === "abcd");
  expect(secondNode.text).toBe("ab");
});

test("tells which connection has said a word, even in pieces", async () => {
  const { client, node, connection } = await throughProxy();
  expect(connection.toServer.hasSeen("subscribe")).toBe(false);
  client.socket.write("*2\r\n$9\r\nSUBS");
  await node.until("the first half", ({ text }) => text.endsWith("SUBS"));
  client.socket.write("CRIBE\r\n");
  await node.until("the rest", ({ text }) => text.endsWith("CRIBE\r\n"));
  expect(connection.toServer.hasSeen("subscribe")).toBe(true);
});
