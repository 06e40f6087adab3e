/** The connection manager as an application uses it, with real clients at the other end. */
import { describe, expect, test } from "vitest";
import { startTestServer } from "../testing/test-server.ts";
import { until } from "./websocket/testing/deadline.ts";

describe("who is connected", () => {
  test("ids, counts and lists follow the connections", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    expect([connections.count, connections.clientCount, connections.ids(), connections.list()]).toEqual([
      0,
      0,
      [],
      [],
    ]);
    const phone = await server.welcomed("/ws?client_id=alice");
    const laptop = await server.welcomed("/ws?client_id=alice");
    const bob = await server.welcomed("/ws?client_id=bob");
    const idOf = (client: typeof phone) => client.hello.connectionId;
    expect([connections.count, connections.clientCount]).toEqual([3, 2]);
    expect(connections.ids().toSorted()).toEqual([phone, laptop, bob].map(idOf).toSorted());
    expect(
      connections
        .ofClient("alice")
        .map(({ connectionId }) => connectionId)
        .toSorted(),
    ).toEqual([phone, laptop].map(idOf).toSorted());
    expect(connections.ofClient("alice", { tenant: "elsewhere" })).toEqual([]);
    expect(connections.ofClient("nobody")).toEqual([]);
    await phone.close();
    await until("the server saw it", () => connections.count === 2);
    expect(connections.get(idOf(phone))).toBeUndefined();
    expect(connections.clientCount).toBe(2);
    await bob.drop();
    await until("the server saw it", () => connections.count === 1);
    expect(connections.clientCount).toBe(1);
    expect(connections.ids()).toEqual([idOf(laptop)]);
  });

  test("metadata of a connection: agent, address, counts, times, channels", async () => {
    const server = await startTestServer();
    const beforeMs = Date.now();
    const client = await server.welcomed("/ws?client_id=alice", { headers: { "user-agent": "tester/1.0" } });
    const info = () => server.server.connections.get(client.hello.connectionId)!;
    expect(info()).toMatchObject({
      connectionId: client.hello.connectionId,
      sessionId: client.hello.sessionId,
      clientId: "alice",
      tenant: "default",
      userAgent: "tester/1.0",
      receivedMessageCount: 0,
      sentMessageCount: 1,
    });
    expect(info().address).toMatch(/^(::ffff:)?127\.0\.0\.1$/);
    expect(info().createdAtMs).toBeGreaterThanOrEqual(beforeMs);
    expect(info().createdAtMs).toBeLessThanOrEqual(Date.now());
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    await client.ask({ type: "ping", id: "é" });
    const sentBytes = (text: object) => Buffer.byteLength(JSON.stringify(text));
    expect(info()).toMatchObject({
      receivedMessageCount: 2,
      sentMessageCount: 3,
      receivedByteCount:
        sentBytes({ type: "subscribe", id: "s", channel: "room:1" }) + sentBytes({ type: "ping", id: "é" }),
    });
    expect(info().sentByteCount).toBeGreaterThan(0);
    expect(info().channels).toContain("room:1");
    expect(info().lastActivityAtMs).toBeGreaterThanOrEqual(info().createdAtMs);
    expect(info().ageMs).toBeGreaterThanOrEqual(0);
    expect(info().ageMs).toBeLessThanOrEqual(Date.now() - beforeMs);
    await server.server.publish("room:1", "one more");
    await client.next("message");
    expect(info().sentMessageCount).toBe(4);
  });

  test("the address of a peer is what its socket says, not what a header claims", async () => {
    const server = await startTestServer();
    const client = await server.welcomed("/ws", { headers: { "x-forwarded-for": "203.0.113.9" } });
    expect(server.server.connections.get(client.hello.connectionId)?.address).not.toContain("203.0.113.9");
  });
});

describe("sending", () => {
  test("to one connection reaches that one only", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    const one = await server.welcomed("/ws?client_id=alice");
    const other = await server.welcomed("/ws?client_id=alice");
    await connections.send(one.hello.connectionId, { for: "one" });
    expect(await one.next("message")).toMatchObject({ data: { for: "one" } });
    await connections.send(other.hello.connectionId, "marker");
    expect((await other.next("message")).data).toBe("marker");
  });

  test("to a connection that is none fails with CONNECTION_NOT_FOUND", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    await expect(connections.send("nobody", 1)).rejects.toMatchObject({
      code: "CONNECTION_NOT_FOUND",
      message: expect.stringContaining("nobody"),
    });
    expect(() => connections.disconnect("nobody")).toThrow(
      expect.objectContaining({ code: "CONNECTION_NOT_FOUND" }),
    );
    const client = await server.welcomed();
    await client.drop();
    await until("the server saw it", () => connections.count === 0);
    const { connectionId } = client.hello;
    await expect(connections.send(connectionId, 1)).rejects.toMatchObject({
      code: expect.stringMatching(/^CONNECTION_(NOT_FOUND|CLOSED)$/),
    });
  });

  test("what is too large fails with RECORD_TOO_LARGE", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    const tooLarge = "x".repeat(2 * 1024 * 1024);
    await expect(server.server.connections.send(client.hello.connectionId, tooLarge)).rejects.toMatchObject({
      code: "RECORD_TOO_LARGE",
    });
    await expect(server.server.connections.broadcast(tooLarge)).rejects.toMatchObject({
      code: "RECORD_TOO_LARGE",
    });
    await client.settle();
  });

  test.each([
    ["a function", () => 1],
    ["a bigint", 1n],
    ["a circle", circle()],
  ])("%s is no data: the call fails and nothing else does", async (_what, data) => {
    const server = await startTestServer();
    const { connections } = server.server;
    const client = await server.welcomed("/ws?client_id=a");
    await client.ask({ type: "subscribe", id: "s", channel: "room:1" });
    await expect(connections.send(client.hello.connectionId, data)).rejects.toThrow();
    await expect(connections.sendToClient("a", data)).rejects.toThrow();
    await expect(connections.broadcast(data)).rejects.toThrow();
    await expect(server.server.publish("room:1", data)).rejects.toThrow();
    await connections.broadcast("fine");
    expect((await client.next("message")).data).toBe("fine");
  });

  test("to a client reaches all its connections and no other client", async () => {
    const server = await startTestServer();
    const [one, two] = [await server.welcomed("/ws?client_id=a"), await server.welcomed("/ws?client_id=a")];
    const other = await server.welcomed("/ws?client_id=b");
    await server.server.connections.sendToClient("a", "for a");
    await server.server.connections.sendToClient("b", "for b");
    for (const client of [one, two]) expect((await client.next("message")).data).toBe("for a");
    expect((await other.next("message")).data).toBe("for b");
  });

  test("to a client that is away is there when it comes back, in order and once", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    const client = await server.welcomed("/ws?client_id=alice");
    await connections.sendToClient("alice", "zero");
    const { position } = await client.next("message");
    client.send({ type: "ack", positions: { "~client:alice": position } });
    await client.settle();
    await client.drop();
    await until("the server saw it", () => connections.count === 0);
    for (const data of ["one", "two", "three"]) await connections.sendToClient("alice", data);
    const back = await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    expect(back.hello).toMatchObject({ isResumed: true, clientId: "alice" });
    await back.untilReceived("message", 3);
    await back.settle();
    expect(back.unread("message").map(({ data }) => data)).toEqual(["one", "two", "three"]);
    expect(back.unread("reset")).toEqual([]);
  });

  test("to a connection whose socket dies before it is read arrives after the resume", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    client.webSocket.pause();
    await server.server.connections.send(client.hello.connectionId, "do not lose me");
    await client.drop();
    const back = await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    expect((await back.next("message")).data).toBe("do not lose me");
  });

  test("a broadcast reaches everyone, those away when they come back, and not those who come later", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    const here = await server.welcomed();
    const away = await server.welcomed();
    await away.drop();
    await connections.broadcast({ news: 1 });
    expect((await here.next("message")).data).toEqual({ news: 1 });
    const back = await server.welcomed(`/ws?session_id=${away.hello.sessionId}`);
    expect((await back.next("message")).data).toEqual({ news: 1 });
    const late = await server.welcomed();
    await connections.send(late.hello.connectionId, "marker");
    expect((await late.next("message")).data).toBe("marker");
  });

  test("who is excluded gets a skip in its place, and no gap", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    const sender = await server.welcomed();
    const other = await server.welcomed();
    const exclude = [sender.hello.connectionId, "gone-already"];
    for (const data of ["a", "b"]) await connections.broadcast(data, { exclude });
    await connections.broadcast("c");
    await other.untilReceived("message", 3);
    expect(other.unread("message").map(({ data }) => data)).toEqual(["a", "b", "c"]);
    expect(other.unread("skip")).toEqual([]);
    const last = await sender.next("message");
    expect(last.data).toBe("c");
    const skips = sender.unread("skip");
    expect(skips.reduce((sum, { n }) => sum + (n ?? 1), 0)).toBe(2);
    for (const skip of skips) {
      expect(skip.channel).toBe(last.channel);
      expect(skip).not.toHaveProperty("data");
    }
    expect(sender.received.indexOf(skips[0]!)).toBeLessThan(sender.received.indexOf(last));
    // The skip moves the position: going on from it brings what comes after, and only that.
    const again = await sender.ask({
      type: "subscribe",
      id: "s",
      channel: last.channel,
      position: skips.at(-1)!.position,
    });
    expect(again).toMatchObject({ recovered: true });
    expect((await sender.next("message")).data).toBe("c");
  });

  test("who is excluded stays so when it resumes", async () => {
    const server = await startTestServer();
    const { connections } = server.server;
    const sender = await server.welcomed();
    sender.webSocket.pause();
    await connections.broadcast("not for you", { exclude: [sender.hello.connectionId] });
    await sender.drop();
    const back = await server.welcomed(`/ws?session_id=${sender.hello.sessionId}`);
    await connections.send(back.hello.connectionId, "marker");
    expect((await back.next("message")).data).toBe("marker");
    expect(JSON.stringify(back.received)).not.toContain("not for you");
  });
});

describe("disconnecting", () => {
  test("closes one connection with 1001, and its session can be resumed", async () => {
    const server = await startTestServer();
    const client = await server.welcomed();
    const other = await server.welcomed();
    server.server.connections.disconnect(client.hello.connectionId);
    await client.expectClose(1001);
    await other.settle();
    const back = await server.welcomed(`/ws?session_id=${client.hello.sessionId}`);
    expect(back.hello.isResumed).toBe(true);
  });
});

function circle(): object {
  const self: { self?: object } = {};
  self.self = self;
  return self;
}
