/** Heartbeat and timeouts with real clocks and small settings: bounds are wide, waits are for events. */
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemRandom } from "../platform/system-random.ts";
import { createMemoryStore } from "../stores/memory/memory-store.ts";
import type { Store } from "../stores/store.ts";
import { startTestServer } from "../testing/test-server.ts";
import { until, within } from "./websocket/testing/deadline.ts";
import { connectRaw } from "./websocket/testing/raw-client.ts";

const OPCODE_PING = 0x89;
const OPCODE_PONG = 0x8a;
const OPCODE_CLOSE = 0x88;

describe("heartbeat", () => {
  test("pings every ping_interval, each ping with the next checkpoint", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.05, pongTimeoutSecs: 2 } });
    const client = await server.welcomed();
    await client.untilPinged(5);
    const [first, , , , fifth] = client.pings;
    expect(new Set(client.pings.map(({ payload }) => payload)).size).toBe(client.pings.length);
    // Four intervals lie between; a loaded machine makes them longer, nothing may make them shorter.
    expect(fifth!.atMs - first!.atMs).toBeGreaterThan(4 * 50 * 0.7);
    await client.settle();
  });

  test("a peer that answers no ping is closed with 4008, and not before its time", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.1, pongTimeoutSecs: 0.1 } });
    const startedMs = performance.now();
    const client = await server.welcomed("/ws?client_id=mute", { autoPong: false });
    await client.expectClose(4008);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(150);
    expect(tookMs).toBeLessThan(2_000);
    expect(server.server.connections.count).toBe(0);
    const back = await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    expect(back.hello).toMatchObject({ isResumed: true, clientId: "mute" });
  });

  test("other traffic does not stand for a pong", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.05, pongTimeoutSecs: 0.15 } });
    const client = await server.welcomed("/ws", { autoPong: false });
    client.webSocket.on("ping", () => client.send({ type: "ping" }));
    await client.expectClose(4008);
  });

  test("unsolicited and wrong pongs prove nothing", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.05, pongTimeoutSecs: 0.15 } });
    const client = await server.welcomed("/ws", { autoPong: false });
    client.webSocket.pong("1");
    client.webSocket.on("ping", () => {
      client.webSocket.pong("");
      client.webSocket.pong("999999");
      client.webSocket.pong("x".repeat(125));
    });
    await client.expectClose(4008);
  });

  test("a peer that answers stays for many intervals", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.02, pongTimeoutSecs: 2 } });
    const client = await server.welcomed();
    await client.untilPinged(15);
    await client.settle();
    expect(server.server.connections.get(client.hello.connectionId)).toBeDefined();
  });

  test("the server answers a ping frame with its payload", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    const pong = new Promise<string>((resolve) => {
      client.webSocket.once("pong", (payload) => resolve(payload.toString()));
    });
    client.webSocket.ping("are you there");
    expect(await within("the pong", pong)).toBe("are you there");
  });

  test("what a pong confirmed is not sent again to a client that knows only its session", async () => {
    const server = await startTestServer({ websocket: { pingIntervalSecs: 0.03, pongTimeoutSecs: 2 } });
    const client = await server.welcomed();
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    await server.server.publish("room:1", "before");
    await client.next("message");
    // The second ping after the message can only be sent when the first was answered.
    await client.untilPinged(client.pings.length + 3);
    await client.drop();
    await server.server.publish("room:1", "while away");
    const back = await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    expect((await back.next("message")).data).toBe("while away");
  });
});

describe("connection timeout", () => {
  test("a socket that never sends a request is closed", async () => {
    const server = await startTestServer({ websocket: { connectionTimeoutSecs: 0.1 } });
    const control = await server.welcomed();
    for (const opening of ["", "GET /ws HT", "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: web"]) {
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      onTestFinished(() => {
        socket.destroy();
      });
      socket.write(opening);
      const ended = new Promise((resolve) => socket.once("close", resolve));
      await within(`the end of a socket that sent ${JSON.stringify(opening)}`, ended);
    }
    await control.settle();
  });

  test("a connection whose session cannot be stored in time is closed with 4009", async () => {
    const server = await startTestServer({
      store: storeWith({ saveSession: () => new Promise(() => undefined) }),
      websocket: { connectionTimeoutSecs: 0.1, maxConnectionsPerClient: 1 },
    });
    for (let round = 0; round < 2; round += 1) {
      const client = await server.connect("/ws?client_id=a");
      await client.expectClose(4009);
      expect(client.received).toEqual([]);
    }
    expect(server.server.connections.count).toBe(0);
  });

  test("an upgrade whose session cannot be read in time is refused, and its place is free", async () => {
    let isHanging = true;
    const memory = createMemoryStore({ random: systemRandom });
    const server = await startTestServer({
      store: storeWith(
        {
          loadSession: (tenant, sessionId) =>
            isHanging ? new Promise(() => undefined) : memory.loadSession(tenant, sessionId),
        },
        memory,
      ),
      websocket: { connectionTimeoutSecs: 0.1, maxConnectionsPerClient: 1 },
    });
    const refused = await server.refused("/ws?client_id=a&session_id=some-session");
    expect(refused.status).toBe(503);
    isHanging = false;
    await server.welcomed("/ws?client_id=a&session_id=some-session");
  });

  test("an upgrade whose token is not judged in time is refused", async () => {
    const server = await startTestServer({
      auth: () => new Promise(() => undefined),
      websocket: { connectionTimeoutSecs: 0.1 },
    });
    expect((await server.refused("/ws?token=t")).status).toBe(503);
  });

  test("a session that cannot be stored at all closes with 4011 and says no welcome", async () => {
    const server = await startTestServer({
      store: storeWith({ saveSession: () => Promise.reject(storeUnavailable()) }),
    });
    const client = await server.connect();
    await client.expectClose(4011);
    expect(client.received).toEqual([]);
    expect(server.server.connections.count).toBe(0);
  });

  test("a connection that has been welcomed is not closed by the timeout", async () => {
    const server = await startTestServer({
      websocket: { connectionTimeoutSecs: 0.05, pingIntervalSecs: 0.05, pongTimeoutSecs: 2 },
    });
    const client = await server.welcomed();
    await client.untilPinged(6);
    await client.settle();
  });
});

describe("frames of a peer", () => {
  test("raw pings, pongs and a close get what RFC 6455 says", async () => {
    const server = await startTestServer();
    const raw = await connectRaw(server.port);
    onTestFinished(() => {
      raw.socket.destroy();
    });
    raw.send(OPCODE_PONG, Buffer.from("nobody asked"));
    raw.send(OPCODE_PING, Buffer.from("hello"));
    await until("the pong came", () => raw.frames.some(({ firstByte }) => firstByte === OPCODE_PONG));
    raw.send(OPCODE_CLOSE, Buffer.from([0x03, 0xe8]));
    await until("the close came", () => raw.frames.some(({ firstByte }) => firstByte === OPCODE_CLOSE));
    const closing = raw.frames.find(({ firstByte }) => firstByte === OPCODE_CLOSE);
    expect(closing?.payload.readUInt16BE(0)).toBe(1000);
  });
});

/** A memory store of which some calls do something else. */
function storeWith(changed: Partial<Store>, memory = createMemoryStore({ random: systemRandom })): Store {
  return new Proxy(memory, {
    get(target, name) {
      if (Object.hasOwn(changed, name)) return changed[name as keyof Store];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function storeUnavailable(): Error {
  return Object.assign(new Error("The disk is gone"), { code: "STORE_UNAVAILABLE" });
}
