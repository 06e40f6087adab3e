/** What the door says before a WebSocket is made, over real sockets. */
import { connect, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PlainClient } from "../testing/plain-client.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";
import { until, within } from "./websocket/testing/deadline.ts";

const API_KEY = "correct horse battery staple".replaceAll(" ", "-");

describe("routes", () => {
  test.each(["/ws", "/ws/stream"])("%s makes a connection with the ids of its query", async (path) => {
    const server = await startTestServer();
    const client = await server.connect(`${path}?client_id=alice-phone`);
    const welcome = await client.next("welcome");
    expect(welcome).toMatchObject({
      type: "welcome",
      connection_id: expect.stringMatching(/^\S{8,}$/),
      session_id: expect.stringMatching(/^\S{20,}$/),
      client_id: "alice-phone",
      server_version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      resumed: false,
    });
  });

  test("session_id in the query resumes the session, its client included", async () => {
    const server = await startTestServer();
    const first = await server.welcomed("/ws?client_id=alice");
    await first.drop();
    const second = await server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(second.hello).toMatchObject({
      sessionId: first.hello.sessionId,
      clientId: "alice",
      isResumed: true,
    });
    expect(second.hello.connectionId).not.toBe(first.hello.connectionId);
  });

  test("an unknown session_id gets a fresh session that says why", async () => {
    const server = await startTestServer();
    const client = await server.welcomed("/ws?session_id=nobody-ever-had-this");
    expect(client.hello).toMatchObject({ isResumed: false, reason: "unknown_session" });
    expect(client.hello.sessionId).not.toBe("nobody-ever-had-this");
  });

  test("a session of another client is not given away", async () => {
    const server = await startTestServer();
    const alice = await server.welcomed("/ws?client_id=alice");
    const thief = await server.welcomed(`/ws?client_id=mallory&session_id=${alice.hello.sessionId}`);
    expect(thief.hello).toMatchObject({ isResumed: false, reason: "foreign_session", clientId: "mallory" });
    await alice.settle();
  });

  test("without client_id every connection is a client of its own", async () => {
    const server = await startTestServer();
    const [one, other] = [await server.welcomed(), await server.welcomed()];
    expect(one.hello.clientId).not.toBe(other.hello.clientId);
  });

  test.each(["/", "/socket", "/ws/other", "/wss", "/ws/"])(
    "an upgrade of %s is refused with 404",
    async (path) => {
      const server = await startTestServer();
      expect(await server.refused(path)).toMatchObject({ status: 404, body: { code: "NOT_FOUND" } });
    },
  );

  test.each(["/ws", "/ws/stream"])("a plain GET of %s is told to upgrade", async (path) => {
    const server = await startTestServer();
    const answer = await server.http(path);
    expect(answer.status).toBe(426);
    expect(answer.headers.get("upgrade")).toBe("websocket");
    expect(answer.json).toEqual({ code: "UPGRADE_REQUIRED", message: expect.any(String) });
  });

  test("websocket.enabled = false leaves HTTP alone", async () => {
    const server = await startTestServer({ websocket: { enabled: false } });
    expect((await server.refused()).status).toBe(404);
    expect((await server.http("/ws")).status).toBe(404);
    expect((await server.http("/healthz")).status).toBe(200);
  });

  test("the subprotocol is answered when it is offered, and not needed", async () => {
    const server = await startTestServer();
    const offering = await server.connect("/ws", { protocols: ["other", "tachikoma.v1"] });
    expect(offering.webSocket.protocol).toBe("tachikoma.v1");
    const silent = await server.connect("/ws");
    expect(silent.webSocket.protocol).toBe("");
  });

  test.each([
    ["too long", "x".repeat(129)],
    ["with white space", "a%20b"],
    ["with control characters", "a%00b"],
  ])("a client_id %s is refused with 400", async (_what, id) => {
    const server = await startTestServer();
    const refused = await server.refused(`/ws?client_id=${id}`);
    expect(refused).toMatchObject({ status: 400, body: { code: "INVALID_MESSAGE" } });
    expect(refused.body.message).toContain("client_id");
  });
});

describe("credentials", () => {
  test("no token is refused with 401 Token required", async () => {
    const server = await startTestServer({ security: { apiKey: API_KEY } });
    const refused = await server.refused();
    expect(refused.status).toBe(401);
    expect(refused.body).toEqual({ code: "TOKEN_REQUIRED", message: "Token required" });
    expect(refused.headers["www-authenticate"]).toBe("Bearer");
    expect(refused.headers["content-type"]).toContain("application/json");
  });

  test.each([
    ["wrong", "wrong"],
    ["one character short", API_KEY.slice(0, -1)],
    ["huge", "x".repeat(9_000)],
  ])("a token that is %s is refused with 401 Unauthorized", async (_what, token) => {
    const server = await startTestServer({ security: { apiKey: API_KEY } });
    const refused = await server.refused(`/ws?token=${token}`);
    expect(refused.status).toBe(401);
    expect(refused.body).toEqual({ code: "UNAUTHORIZED", message: "Unauthorized" });
  });

  test("the token comes by query or by header, and the header wins", async () => {
    const server = await startTestServer({ security: { apiKey: API_KEY } });
    await server.welcomed(`/ws?token=${API_KEY}`);
    await server.welcomed("/ws", { headers: { authorization: `Bearer ${API_KEY}` } });
    await server.welcomed("/ws", { headers: { authorization: `bearer   ${API_KEY}` } });
    await server.welcomed("/ws?token=wrong", { headers: { authorization: `Bearer ${API_KEY}` } });
    const refused = await server.refused(`/ws?token=${API_KEY}`, {
      headers: { authorization: "Bearer wrong" },
    });
    expect(refused.status).toBe(401);
  });
});

describe("web pages", () => {
  test("a page of another origin is refused with 403, one that is allowed is not", async () => {
    const server = await startTestServer({ security: { allowedOrigins: ["https://app.example.com"] } });
    await server.welcomed("/ws", { origin: "https://app.example.com" });
    await server.welcomed("/ws", { origin: server.httpUrl() });
    for (const origin of [
      "https://evil.example",
      "https://app.example.com.evil.example",
      "http://app.example.com",
      "https://app.example.com:8443",
      "null",
    ]) {
      const refused = await server.refused("/ws", { origin });
      expect(refused, origin).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    }
  });

  test("a name that was pointed at this machine is refused while nobody is asked for a token", async () => {
    const server = await startTestServer();
    const headers = { host: "rebound.example", origin: "http://rebound.example" };
    expect(await server.refused("/ws", { headers })).toMatchObject({
      status: 403,
      body: { code: "FORBIDDEN" },
    });
    await server.welcomed("/ws", { headers: { host: `localhost:${server.port}` } });
  });

  test("with a token any Host will do", async () => {
    const server = await startTestServer({ security: { apiKey: API_KEY } });
    await server.welcomed(`/ws?token=${API_KEY}`, { headers: { host: "chat.example.com" } });
  });
});

describe("places of a client", () => {
  test("of 50 upgrades at once exactly as many as allowed come in", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 5 } });
    const attempts = Array.from({ length: 50 }, () => server.welcomed("/ws?client_id=racer"));
    const settled = await Promise.allSettled(attempts);
    const accepted = settled.filter((attempt) => attempt.status === "fulfilled");
    const reasons = settled
      .filter((attempt) => attempt.status === "rejected")
      .map(({ reason }) => String(reason));
    expect(accepted).toHaveLength(5);
    expect(reasons).toHaveLength(45);
    for (const reason of reasons) expect(reason).toContain("Maximum 5 connections per client");
    expect(server.server.connections.count).toBe(5);
  });

  test("of upgrades that race through a slow check too", async () => {
    const slow = gate();
    const server = await startTestServer({
      websocket: { maxConnectionsPerClient: 2 },
      auth: async () => {
        await slow.opened;
        return { subject: "racer" };
      },
    });
    const attempts = Array.from({ length: 20 }, () => server.welcomed("/ws?token=t"));
    await until("all of them knocked", () => slow.waitingCount() === 20);
    slow.open();
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter((attempt) => attempt.status === "fulfilled")).toHaveLength(2);
  });

  test("one too many is refused with 429, the limit and when to come back", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 1 } });
    await server.welcomed("/ws?client_id=a");
    const refused = await server.refused("/ws?client_id=a");
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual({
      code: "TOO_MANY_CONNECTIONS",
      message: "Maximum 1 connections per client",
    });
    expect(refused.headers["retry-after"]).toMatch(/^\d+$/);
    await server.welcomed("/ws?client_id=b");
  });

  test("both doors share the places", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 1 } });
    await server.welcomed("/ws/stream?client_id=a");
    expect((await server.refused("/ws?client_id=a")).status).toBe(429);
  });

  test("a place is given back after a close, a drop and a close by the server", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 1 } });
    const isEmpty = () => server.server.connections.count === 0;
    const ends: ((client: Awaited<ReturnType<TestServer["welcomed"]>>) => Promise<unknown>)[] = [
      (client) => client.close(),
      (client) => client.drop(),
      (client) => {
        server.server.connections.disconnect(client.hello.connectionId);
        return client.expectClose(1001);
      },
    ];
    for (const end of ends) {
      const client = await server.welcomed("/ws?client_id=a");
      await end(client);
      await until("the server saw the end", isEmpty);
    }
    await server.welcomed("/ws?client_id=a");
    expect(server.server.connections.clientCount).toBe(1);
  });

  test.each([
    ["a bad key", { "Sec-WebSocket-Key": "short" }],
    ["no key", { "Sec-WebSocket-Key": undefined }],
    ["a version of the past", { "Sec-WebSocket-Version": "7" }],
    ["a malformed protocol list", { "Sec-WebSocket-Protocol": "a,,b" }],
  ])("a place is given back after a handshake with %s", async (_what, fields) => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 1 } });
    for (let round = 0; round < 3; round += 1) {
      const answer = await rawUpgrade(server.port, "/ws?client_id=a", fields);
      expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    }
    await untilAccepted(server, "/ws?client_id=a");
  });

  test("a place is given back when the peer goes away while its token is checked", async () => {
    const slow = gate();
    let isSlow = true;
    const server = await startTestServer({
      websocket: { maxConnectionsPerClient: 1 },
      auth: async () => {
        if (isSlow) await slow.opened;
        return { subject: "a" };
      },
    });
    const socket = openRaw(server.port, upgradeRequest("/ws?token=t", {}));
    await until("the token is being checked", () => slow.waitingCount() === 1);
    isSlow = false;
    socket.resetAndDestroy();
    await within("the socket to end", new Promise((resolve) => socket.once("close", resolve)));
    slow.open();
    await untilAccepted(server, "/ws?token=t");
    expect(server.server.connections.count).toBe(1);
  });

  test("a client at its limit may resume, which closes its session's old connection", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 1 } });
    const old = await server.welcomed("/ws?client_id=a");
    const young = await server.welcomed(`/ws?client_id=a&session_id=${old.hello.sessionId}`);
    expect(young.hello).toMatchObject({ isResumed: true, sessionId: old.hello.sessionId });
    await old.expectClose(4409);
    await young.settle();
    expect(server.server.connections.ids()).toEqual([young.hello.connectionId]);
    expect((await server.refused("/ws?client_id=a")).status).toBe(429);
  });

  test("a resume whose handshake fails leaves the old connection as it is", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 1 } });
    const client = await server.welcomed("/ws?client_id=a");
    const path = `/ws?client_id=a&session_id=${client.hello.sessionId}`;
    for (let round = 0; round < 3; round += 1) {
      expect(await rawUpgrade(server.port, path, { "Sec-WebSocket-Key": "short" })).toMatch(
        /^HTTP\/1\.1 400 /,
      );
    }
    await client.settle();
    expect((await server.refused("/ws?client_id=a")).status).toBe(429);
    await server.welcomed(path);
    await client.expectClose(4409);
  });

  test("racing resumes of one session leave one connection and no lost place", async () => {
    const server = await startTestServer({ websocket: { maxConnectionsPerClient: 2 } });
    const first = await server.welcomed("/ws?client_id=a");
    const path = `/ws?client_id=a&session_id=${first.hello.sessionId}`;
    await Promise.allSettled(Array.from({ length: 10 }, () => server.welcomed(path)));
    await until("one of them is left", () => server.server.connections.count === 1);
    const [left] = server.server.connections.list();
    expect(left?.sessionId).toBe(first.hello.sessionId);
    await server.welcomed("/ws?client_id=a");
    expect((await server.refused("/ws?client_id=a")).status).toBe(429);
  });

  test("limits.max_connections holds for all clients together", async () => {
    const slow = gate();
    const server = await startTestServer({
      limits: { maxConnections: 3 },
      auth: async () => {
        await slow.opened;
        return {};
      },
    });
    const attempts = Array.from({ length: 12 }, (_, index) => server.welcomed(`/ws?client_id=c${index}`));
    await until("all of them knocked", () => slow.waitingCount() === 12);
    slow.open();
    const settled = await Promise.allSettled(attempts);
    expect(settled.filter((attempt) => attempt.status === "fulfilled")).toHaveLength(3);
    const refused = await server.refused("/ws?client_id=late");
    expect(refused).toMatchObject({ status: 503, body: { code: "SERVER_NOT_READY" } });
  });
});

describe("welcome", () => {
  test("is the first message, even for a client that speaks at once", async () => {
    const server = await startTestServer();
    const firstMessages = [
      { type: "publish", id: "p", channel: "room:1", data: 1 },
      { type: "subscribe", id: "s", channel: "room:1", since: "start" },
      { type: "ping", id: "q" },
      { type: "nonsense" },
    ];
    const clients: PlainClient[] = [];
    for (let index = 0; index < 10; index += 1) clients.push(await server.connect("/ws", { firstMessages }));
    for (const client of clients) {
      expect((await client.nextOfAny()).type).toBe("welcome");
      expect((await client.next("pong")).ref).toBe("q");
      expect((await client.next("receipt")).status).toBe("applied");
      expect((await client.next("subscribed")).ref).toBe("s");
      expect((await client.next("error")).code).toBe("UNKNOWN_TYPE");
    }
  });

  test("is the first message for a client whose request comes in the packet of its upgrade", async () => {
    const server = await startTestServer();
    const ping = Buffer.from([0x81, 0x80 | 15, 0, 0, 0, 0, ...Buffer.from(`{"type":"ping"}`)]);
    const socket = openRaw(server.port, Buffer.concat([upgradeRequest("/ws", {}), ping]));
    const text = await readUntil(socket, `"type":"pong"`);
    expect(text.indexOf(`"type":"welcome"`)).toBeGreaterThan(0);
    expect(text.indexOf(`"type":"welcome"`)).toBeLessThan(text.indexOf(`"type":"pong"`));
  });
});

function gate() {
  let open: () => void = () => undefined;
  let waitingCount = 0;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return {
    get opened() {
      waitingCount += 1;
      return promise;
    },
    open: () => open(),
    waitingCount: () => waitingCount,
  };
}

function upgradeRequest(path: string, fields: Readonly<Record<string, string | undefined>>): Buffer {
  const headers = {
    Host: "localhost",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...fields,
  };
  const lines = Object.entries(headers)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
}

function openRaw(port: number, bytes: Buffer): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write(bytes);
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** Sends an upgrade and reads until the server hangs up. */
async function rawUpgrade(
  port: number,
  path: string,
  fields: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const socket = openRaw(port, upgradeRequest(path, fields));
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
  });
  await within("the server to hang up", new Promise((resolve) => socket.once("close", resolve)));
  return text;
}

async function readUntil(socket: Socket, wanted: string): Promise<string> {
  let text = "";
  socket.on("data", (piece) => {
    text += piece.toString("latin1");
  });
  await until(`${wanted} was read`, () => text.includes(wanted));
  return text;
}

/** The server may notice the end of a socket a moment after its peer does. */
async function untilAccepted(server: TestServer, path: string): Promise<void> {
  const attempt = async (): Promise<void> => {
    for (;;) {
      const client = await server.welcomed(path).catch(() => undefined);
      if (client !== undefined) return;
    }
  };
  await within(`${path} to be accepted`, attempt());
}
