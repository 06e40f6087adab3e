/** What a plain client has to do to go on where it was: nothing but to come back with its session id. */
import { describe, expect, test } from "vitest";
import type { PlainClient } from "../testing/plain-client.ts";
import { dataOf, framesOf, restoredIn, seqOf } from "./support/delivery-check.ts";
import { Scenario, STORE_KINDS } from "./support/scenario.ts";

const QUICK_PINGS = { websocket: { pingIntervalSecs: 0.02 } };

async function follow(client: PlainClient, channel: string, fields: object = {}) {
  return client.ask({ type: "subscribe", id: `subscribe-${channel}`, channel, ...fields });
}

describe.each(STORE_KINDS)("on %s", (kind) => {
  test("the heartbeat alone confirms what was received", async () => {
    const scenario = await Scenario.start(kind, QUICK_PINGS);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    const positions = await scenario.publish("room:1", 1, 2, 3);
    await first.untilReceived("message", 3);
    await first.untilPinged(first.pings.length + 2);
    await first.drop();
    await scenario.publish("room:1", 4);
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(second.hello).toMatchObject({ isResumed: true, sessionId: first.hello.sessionId, clientId: "a" });
    expect(restoredIn(second).get("room:1")).toMatchObject({ position: positions[2], recovered: true });
    await second.untilReceived("message", 1);
    await second.settle();
    expect(dataOf(second, "room:1")).toEqual([4]);
  });

  test("without a confirmation all comes again, with an ack only what follows it", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    const positions = await scenario.publish("room:1", 1, 2, 3);
    await first.untilReceived("message", 3);
    await first.drop();
    const path = `/ws?session_id=${first.hello.sessionId}`;
    const second = await scenario.server.welcomed(path);
    await second.untilReceived("message", 3);
    expect(dataOf(second, "room:1")).toEqual([1, 2, 3]);
    second.send({ type: "ack", positions: { "room:1": positions[1], "room:unknown": positions[0] } });
    await second.settle();
    await second.drop();
    const third = await scenario.server.welcomed(path);
    await third.untilReceived("message", 1);
    await third.settle();
    expect(dataOf(third, "room:1")).toEqual([3]);
  });

  test("ACK-2: an ack beyond what was written, of another record or log, or of nonsense is not believed", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    const written = await scenario.publish("room:1", 1, 2);
    const position = written[0]!;
    await first.untilReceived("message", 2);
    const forgedTags = written.map((text) => text.replace(/[^.]+$/, "forged"));
    for (const forged of [
      position.replace(/\.1\./, ".99."),
      position.replace(/^[^.]+/, "zzzzzz"),
      "42",
      ...forgedTags,
    ])
      first.send({ type: "ack", positions: { "room:1": forged } });
    await first.settle();
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    await second.untilReceived("message", 2);
    expect(dataOf(second, "room:1")).toEqual([1, 2]);
    expect(restoredIn(second).get("room:1")).toMatchObject({ recovered: true });
  });

  test("with positions=client nothing is sent before the client says where it goes on", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    const positions = await scenario.publish("room:1", 1, 2, 3);
    await first.untilReceived("message", 3);
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}&positions=client`);
    await scenario.publish("room:1", 4);
    await second.settle();
    expect(framesOf(second, "room:1")).toEqual([]);
    await follow(second, "room:1", { position: positions[1] });
    await second.untilReceived("message", 2);
    expect(dataOf(second, "room:1")).toEqual([3, 4]);
  });

  test("inboxes bring what was sent while away, excluded broadcasts apart", async () => {
    const scenario = await Scenario.start(kind);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    const { connections } = scenario.server.server;
    const { connectionId, sessionId } = first.hello;
    await connections.send(connectionId, "to the session");
    await first.next("message");
    await connections.broadcast("not for a", { exclude: [connectionId] });
    await first.drop();
    await connections.sendToClient("a", "to the client");
    await connections.broadcast("to all");
    const second = await scenario.server.welcomed(`/ws?session_id=${sessionId}`);
    await second.untilReceived("message", 3);
    await second.settle();
    expect(dataOf(second, `~session:${sessionId}`)).toEqual(["to the session"]);
    expect(dataOf(second, "~client:a")).toEqual(["to the client"]);
    expect(dataOf(second, "~all")).toEqual(["to all"]);
  });

  test("a session that is unknown, expired or someone else's is replaced by a fresh one that says why", async () => {
    const scenario = await Scenario.start(kind, {
      sessions: { ttlSecs: 1 },
      auth: ({ token }) => (token === undefined ? undefined : { subject: token }),
    });
    const first = await scenario.server.welcomed("/ws?token=alice");
    await follow(first, "room:1");
    const path = `session_id=${first.hello.sessionId}`;
    const unknown = await scenario.server.welcomed("/ws?token=alice&session_id=nobody");
    expect(unknown.hello).toMatchObject({ isResumed: false, reason: "unknown_session" });
    const foreign = await scenario.server.welcomed(`/ws?token=bob&${path}`);
    expect(foreign.hello).toMatchObject({ isResumed: false, reason: "foreign_session", clientId: "bob" });
    expect(foreign.hello.sessionId).not.toBe(first.hello.sessionId);
    expect(restoredIn(foreign).has("room:1")).toBe(false);
    await first.drop();
    await expect.poll(() => scenario.server.server.connections.count, { timeout: 5_000 }).toBe(2);
    const stored = (await scenario.store.loadSession("default", first.hello.sessionId))!;
    await scenario.store.saveSession({
      ...stored,
      revision: stored.revision + 1,
      expiresAtMs: Date.now() - 1,
    });
    const expired = await scenario.server.welcomed(`/ws?token=alice&${path}`);
    expect(expired.hello).toMatchObject({ isResumed: false, reason: "expired_session" });
  });

  test("of two sockets for one session the newer wins and the older is closed with 4409", async () => {
    const scenario = await Scenario.start(kind);
    const older = await scenario.server.welcomed("/ws?client_id=a");
    await follow(older, "room:1");
    const newer = await scenario.server.welcomed(`/ws?session_id=${older.hello.sessionId}`);
    await older.expectClose(4409);
    expect(newer.hello.isResumed).toBe(true);
    await scenario.publish("room:1", 1);
    await newer.untilReceived("message", 1);
    expect(scenario.server.server.connections.count).toBe(1);
  });

  test("twenty racing resumes leave exactly one connection, which is whole", async () => {
    const scenario = await Scenario.start(kind, { websocket: { maxConnectionsPerClient: 100 } });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    await first.drop();
    await scenario.publish("room:1", 1, 2);
    const path = `/ws?session_id=${first.hello.sessionId}`;
    const racers = await Promise.all(Array.from({ length: 20 }, () => scenario.server.connect(path)));
    const closings: number[] = [];
    for (const racer of racers) racer.closed.then(({ code }) => closings.push(code));
    await expect.poll(() => closings.length, { timeout: 5_000 }).toBe(19);
    expect(new Set(closings)).toEqual(new Set([4409]));
    const winner = racers.find(({ webSocket }) => webSocket.readyState === webSocket.OPEN)!;
    await winner.untilReceived("message", 2);
    await scenario.publish("room:1", 3);
    await winner.untilReceived("message", 3);
    expect(dataOf(winner, "room:1")).toEqual([1, 2, 3]);
    expect(scenario.server.server.connections.ofClient("a")).toHaveLength(1);
    await winner.drop();
    await expect.poll(() => scenario.server.server.connections.count, { timeout: 5_000 }).toBe(0);
  });

  test("a server that was restarted goes on exactly where it was", async () => {
    const scenario = await Scenario.start(kind, QUICK_PINGS);
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    const positions = await scenario.publish("room:1", 1, 2);
    await first.untilReceived("message", 2);
    await first.untilPinged(first.pings.length + 2);
    await scenario.restart();
    await scenario.publish("room:1", 3);
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(second.hello.isResumed).toBe(true);
    expect(restoredIn(second).get("room:1")).toMatchObject({ position: positions[1], recovered: true });
    await second.untilReceived("message", 1);
    await second.settle();
    expect(dataOf(second, "room:1")).toEqual([3]);
  });

  test("the limit of subscriptions; inboxes do not count, unsubscribing frees a place and is remembered", async () => {
    const scenario = await Scenario.start(kind, { websocket: { maxSubscriptions: 2 } });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    expect(await follow(first, "room:1")).toMatchObject({ type: "subscribed" });
    expect(await follow(first, "room:2")).toMatchObject({ type: "subscribed" });
    expect(await follow(first, "room:3")).toMatchObject({ type: "error", code: "TOO_MANY_SUBSCRIPTIONS" });
    expect(await follow(first, "room:2")).toMatchObject({ type: "subscribed" });
    const answer = await first.ask({ type: "unsubscribe", id: "u", channel: "room:1" });
    expect(answer).toMatchObject({ type: "unsubscribed", channel: "room:1" });
    expect(await follow(first, "room:3")).toMatchObject({ type: "subscribed" });
    await scenario.publish("room:1", 1);
    await first.settle();
    expect(framesOf(first, "room:1")).toEqual([]);
    await first.drop();
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    const channels = [...restoredIn(second).keys()].filter((channel) => !channel.startsWith("~"));
    expect(channels.sort()).toEqual(["room:2", "room:3"]);
  });

  test("a burst of subscribes sent in one go does not pass the limit", async () => {
    const scenario = await Scenario.start(kind, { websocket: { maxSubscriptions: 2 } });
    const client = await scenario.server.welcomed("/ws?client_id=a");
    for (let index = 0; index < 8; index += 1)
      client.send({ type: "subscribe", id: `s${index}`, channel: `room:${index}` });
    await client.untilReceived("error", 6);
    await client.untilReceived("subscribed", 2);
    await client.settle();
    expect(client.unread("subscribed")).toHaveLength(2);
  });

  test("what was trimmed while away is said before anything newer", async () => {
    const scenario = await Scenario.start(kind, { channels: { room: { history: { records: 3 } } } });
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    await first.drop();
    await scenario.publish("room:1", ...Array.from({ length: 50 }, (_, index) => index));
    const oldest = (await scenario.records("room:1"))[0]!;
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(restoredIn(second).get("room:1")).toMatchObject({ recovered: false, reason: "trimmed" });
    const reset = await second.next("reset");
    expect(reset).toMatchObject({ channel: "room:1", reason: "trimmed" });
    expect(seqOf(reset.position)).toBe(oldest.seq - 1);
    await second.next("message", ({ data }) => data === 49);
    const types = second.received.filter(({ channel }) => channel === "room:1").map(({ type }) => type);
    expect(types[0]).toBe("reset");
    expect(framesOf(second, "room:1").map(({ position }) => seqOf(position))[0]).toBe(oldest.seq);
  });

  test("a live reader that fell behind the retention is told so, and then gets what is left", async () => {
    const scenario = await Scenario.start(kind, {
      websocket: { highWaterBytes: 65_536, pongTimeoutSecs: 60 },
      channels: { room: { history: { records: 5 } } },
    });
    const client = await scenario.server.welcomed("/ws?client_id=a", { perMessageDeflate: false });
    await follow(client, "room:1");
    client.webSocket.pause();
    const block = "x".repeat(60_000);
    for (let index = 0; index < 250; index += 1) await scenario.publish("room:1", { index, block });
    client.webSocket.resume();
    await client.next("message", ({ data }) => (data as { index: number }).index === 249);
    const resets = client.received.filter(({ type }) => type === "reset");
    expect(resets.length).toBeGreaterThan(0);
    let place = 0;
    for (const message of client.received.filter(({ channel }) => channel === "room:1")) {
      const seq = seqOf(message.position);
      // Nothing is called lost that was not, and nothing comes twice.
      expect(seq).toBeGreaterThan(message.type === "subscribed" ? -1 : place);
      if (message.type === "reset") expect(message.reason).toBe("trimmed");
      place = seq;
    }
    expect(framesOf(client, "room:1").length).toBeLessThan(250);
  });

  test("a log that was deleted while away, and under a live reader, is another epoch", async () => {
    const scenario = await Scenario.start(kind);
    const key = { tenant: "default", channel: "room:1" };
    const first = await scenario.server.welcomed("/ws?client_id=a");
    await follow(first, "room:1");
    await scenario.publish("room:1", 1, 2);
    await first.untilReceived("message", 2);
    await scenario.store.deleteLog(key);
    await scenario.publish("room:1", "new");
    expect(await first.next("reset")).toMatchObject({ channel: "room:1", reason: "epoch_changed" });
    await first.next("message", ({ data }) => data === "new");
    expect(dataOf(first, "room:1")).toEqual([1, 2, "new"]);
    await first.drop();
    await scenario.store.deleteLog(key);
    await scenario.publish("room:1", "newest");
    const second = await scenario.server.welcomed(`/ws?session_id=${first.hello.sessionId}`);
    expect(restoredIn(second).get("room:1")).toMatchObject({ recovered: false, reason: "epoch_changed" });
    expect(await second.next("reset")).toMatchObject({ reason: "epoch_changed" });
    await second.next("message");
    expect(dataOf(second, "room:1")).toEqual(["newest"]);
  });
});
