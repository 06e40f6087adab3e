import { describe, expect, test } from "vitest";
import type { Delivery, Subscription } from "../api.ts";
import { at, clientFixture, delta, message, settle, subscribed, welcome } from "../testing/client-fixture.ts";
import type { FakeSocket, WireMessage } from "../testing/fake-network.ts";

function onlineFixture() {
  const fixture = clientFixture();
  fixture.network.last.receive(welcome());
  const reconnect = (): FakeSocket => {
    fixture.clock.advance(30_000);
    fixture.network.last.receive(welcome({ resumed: true, connection_id: "c2" }));
    return fixture.network.last;
  };
  return { ...fixture, channel: fixture.client.channel("chat:1"), socket: fixture.network.last, reconnect };
}

function lastSubscribe(socket: FakeSocket): WireMessage {
  const request = socket.sentOf("subscribe").at(-1);
  if (request === undefined) throw new Error(`No subscribe among ${JSON.stringify(socket.sent)}`);
  return request;
}

function textsOf(subscription: Subscription): string[] {
  const texts: string[] = [];
  subscription.on("delivery", (delivery) => {
    if (delivery.type === "message") texts.push(String(delivery.data));
    if (delivery.type === "chunk") texts.push(String(delivery.chunk["delta"]));
    if (delivery.type === "reset") texts.push(`reset:${delivery.reason}`);
  });
  return texts;
}

async function takeFrom(loop: AsyncIterator<Delivery>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  for (let index = 0; index < count; index += 1) {
    const { value } = await loop.next();
    taken.push(value.type === "message" ? value.data : value);
  }
  return taken;
}

describe("subscribing", () => {
  test("begins at the head unless asked otherwise", () => {
    const { client, socket } = onlineFixture();
    client.channel("a:1").subscribe();
    client.channel("b:1").subscribe({ since: "start" });
    client.channel("c:1").subscribe({ since: "start", position: at(7) });
    expect(socket.sentOf("subscribe")).toMatchObject([
      { channel: "a:1", since: "head" },
      { channel: "b:1", since: "start" },
      { channel: "c:1", position: at(7) },
    ]);
  });

  test("is told when it is confirmed", async () => {
    const { channel, socket } = onlineFixture();
    const subscription = channel.subscribe();
    socket.receive(subscribed(lastSubscribe(socket), 4, { initial_state: { some_key: 1 } }));
    const event = await subscription.ready;
    expect(event).toEqual({ position: at(4), recovered: true, initialState: { some_key: 1 } });
    expect(subscription.position).toBe(at(4));
  });

  test("is told when it is refused", async () => {
    const { channel, socket } = onlineFixture();
    const subscription = channel.subscribe();
    const closed: unknown[] = [];
    subscription.on("closed", ({ error }) => closed.push(error?.code));
    const loop = subscription[Symbol.asyncIterator]();
    const { id } = lastSubscribe(socket);
    socket.receive({
      type: "error",
      ref: id,
      code: "FORBIDDEN",
      message: "Not allowed to subscribe in chat:1",
    });
    await expect(subscription.ready).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(loop.next()).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(loop.next()).resolves.toMatchObject({ done: true });
    expect(closed).toEqual(["FORBIDDEN"]);
    expect(socket.sentOf("unsubscribe")).toEqual([]);
  });

  test("that fails for a passing reason is tried again on another connection", () => {
    const { client, channel, socket, reconnect } = onlineFixture();
    const errors: string[] = [];
    client.on("error", (error) => errors.push(error.message));
    const texts = textsOf(channel.subscribe({ since: "start" }));
    const { id } = lastSubscribe(socket);
    socket.receive({
      type: "error",
      ref: id,
      code: "STORE_UNAVAILABLE",
      message: "The store is unavailable",
    });
    expect(errors).toEqual(["The connection was given up: The store is unavailable"]);
    const next = reconnect();
    next.receive(subscribed(lastSubscribe(next), 0));
    next.receive(message("chat:1", 1));
    expect(texts).toEqual(["m1"]);
  });

  test("refuses what is not a position, and names that cannot be", () => {
    const { client, channel } = onlineFixture();
    expect(() => channel.subscribe({ position: "yesterday" })).toThrow('"yesterday" is not a position');
    expect(() => client.channel("~all")).toThrow(/reserved/);
    expect(() => channel.subscribe({ maxBufferedDeliveries: 0 })).toThrow(RangeError);
  });

  test("waits for a connection", () => {
    const { client, network } = clientFixture();
    client.channel("chat:1").subscribe();
    expect(network.last.sent).toEqual([]);
    network.last.receive(welcome());
    expect(network.last.sentOf("subscribe")).toHaveLength(1);
  });
});

describe("deliveries", () => {
  test("carry each kind of record", () => {
    const { channel, socket } = onlineFixture();
    const seen: Delivery[] = [];
    channel.subscribe({ since: "start" }).on("delivery", (delivery) => seen.push(delivery));
    socket.receive(subscribed(lastSubscribe(socket), 0));
    const record = (type: string, seq: number, fields: object): WireMessage => ({
      type,
      channel: "chat:1",
      position: at(seq),
      ...fields,
    });
    socket.receive(record("message", 1, { data: { snake_key: 1 }, sender: "bob" }));
    socket.receive(record("execution_started", 2, { execution_id: "e1", handler: "chat", sender: "bob" }));
    socket.receive(delta("chat:1", 4, "Hello", 2));
    socket.receive(record("skip", 6, { n: 2 }));
    socket.receive(record("execution_restarted", 7, { execution_id: "e1", attempt: 2 }));
    socket.receive(record("execution_paused", 8, { execution_id: "e1" }));
    const ended = { execution_id: "e1", usage: { input_tokens: 3 }, reason: "requested", sender: "eve" };
    socket.receive(record("execution_cancelled", 9, ended));
    const place = (seq: number) => ({ channel: "chat:1", position: at(seq) });
    expect(seen).toEqual([
      { type: "message", ...place(1), data: { snake_key: 1 }, sender: "bob" },
      { type: "started", ...place(2), executionId: "e1", handler: "chat", sender: "bob" },
      {
        type: "chunk",
        ...place(4),
        executionId: "e1",
        chunk: { type: "text-delta", id: "0", delta: "Hello" },
      },
      { type: "restarted", ...place(7), executionId: "e1", attempt: 2 },
      {
        type: "ended",
        ...place(9),
        executionId: "e1",
        outcome: "cancelled",
        usage: { inputTokens: 3 },
        reason: "requested",
        sender: "eve",
      },
    ]);
  });

  test("are held until somebody takes them: listeners", async () => {
    const { channel, socket } = onlineFixture();
    const subscription = channel.subscribe({ since: "start" });
    socket.receive(subscribed(lastSubscribe(socket), 0));
    socket.receive(message("chat:1", 1));
    socket.receive(delta("chat:1", 2, "x"));
    const seen: string[] = [];
    subscription.on("message", () => seen.push("message"));
    subscription.on("chunk", () => seen.push("chunk"));
    socket.receive(message("chat:1", 3));
    await settle();
    socket.receive(message("chat:1", 4));
    expect(seen).toEqual(["message", "chunk", "message", "message"]);
  });

  test("are held until somebody takes them: a loop", async () => {
    const { channel, socket } = onlineFixture();
    const subscription = channel.subscribe({ since: "start" });
    socket.receive(subscribed(lastSubscribe(socket), 0));
    socket.receive(message("chat:1", 1));
    const taken: unknown[] = [];
    const loop = (async () => {
      for await (const delivery of subscription) {
        taken.push(delivery.type === "message" && delivery.data);
        if (taken.length === 3) break;
      }
    })();
    await settle();
    expect(subscription.position).toBe(at(1));
    socket.receive(message("chat:1", 2));
    socket.receive(message("chat:1", 3));
    socket.receive(message("chat:1", 4));
    await loop;
    expect(taken).toEqual(["m1", "m2", "m3"]);
    // Leaving the loop has left the channel.
    expect(socket.sentOf("unsubscribe")).toMatchObject([{ channel: "chat:1" }]);
  });

  test("that nobody takes stop at the bound, and go on from the same place", async () => {
    const { channel, socket } = onlineFixture();
    const subscription = channel.subscribe({ since: "start", maxBufferedDeliveries: 4 });
    socket.receive(subscribed(lastSubscribe(socket), 0));
    for (let seq = 1; seq <= 10; seq += 1) socket.receive(message("chat:1", seq));
    expect(socket.sentOf("unsubscribe")).toHaveLength(1);
    const loop = subscription[Symbol.asyncIterator]();
    expect(await takeFrom(loop, 2)).toEqual(["m1", "m2"]);
    expect(lastSubscribe(socket)).toMatchObject({ position: at(4) });
    socket.receive(subscribed(lastSubscribe(socket), 4));
    socket.receive(message("chat:1", 5));
    expect(await takeFrom(loop, 3)).toEqual(["m3", "m4", "m5"]);
  });

  test("reach a loop that began while the client was away", async () => {
    const { channel, socket, client, reconnect } = onlineFixture();
    const subscription = channel.subscribe({ since: "start", maxBufferedDeliveries: 2 });
    socket.receive(subscribed(lastSubscribe(socket), 0));
    socket.receive(message("chat:1", 1));
    socket.receive(message("chat:1", 2));
    client.dropConnection();
    const loop = subscription[Symbol.asyncIterator]();
    expect(await takeFrom(loop, 2)).toEqual(["m1", "m2"]);
    const next = reconnect();
    expect(lastSubscribe(next)).toMatchObject({ position: at(2) });
  });
});

describe("what is sent again, or not sent", () => {
  test("a duplicate is applied once", () => {
    const { channel, socket } = onlineFixture();
    const texts = textsOf(channel.subscribe());
    socket.receive(subscribed(lastSubscribe(socket), 5));
    for (const seq of [6, 6, 5, 7, 6, 7]) socket.receive(message("chat:1", seq));
    expect(texts).toEqual(["m6", "m7"]);
    expect(socket.sentOf("subscribe")).toHaveLength(1);
  });

  test("a jump is not applied: the client reads again from its place", async () => {
    const { channel, socket } = onlineFixture();
    const texts = textsOf(channel.subscribe());
    await settle();
    socket.receive(subscribed(lastSubscribe(socket), 5));
    socket.receive(message("chat:1", 6));
    socket.receive(message("chat:1", 8));
    socket.receive(message("chat:1", 9));
    expect(texts).toEqual(["m6"]);
    expect(socket.sentOf("subscribe")).toHaveLength(2);
    expect(lastSubscribe(socket)).toMatchObject({ position: at(6) });
    socket.receive(subscribed(lastSubscribe(socket), 6));
    for (const seq of [7, 8, 9]) socket.receive(message("chat:1", seq));
    expect(texts).toEqual(["m6", "m7", "m8", "m9"]);
  });

  test("a reset is passed on before anything newer", async () => {
    const { channel, socket, client, reconnect } = onlineFixture();
    const subscription = channel.subscribe();
    const texts = textsOf(subscription);
    await settle();
    socket.receive(subscribed(lastSubscribe(socket), 5));
    client.dropConnection();
    const next = reconnect();
    const request = lastSubscribe(next);
    expect(request).toMatchObject({ position: at(5) });
    next.receive(subscribed(request, 0, { position: "new.0.0", recovered: false, reason: "epoch_changed" }));
    next.receive({ type: "reset", channel: "chat:1", reason: "epoch_changed", position: "new.0.0" });
    next.receive({ type: "message", channel: "chat:1", position: "new.1.x", data: "first" });
    expect(texts).toEqual(["reset:epoch_changed", "first"]);
    expect(subscription.position).toBe("new.1.x");
    expect(next.sentOf("subscribe")).toHaveLength(1);
  });

  test("a server that never gets on is left, with the delays of a failed connection", () => {
    const { client, channel, socket } = onlineFixture();
    const errors: string[] = [];
    client.on("error", (error) => errors.push(error.message));
    channel.subscribe();
    for (let round = 0; round < 50 && client.status.state === "online"; round += 1) {
      socket.receive(subscribed(lastSubscribe(socket), 5));
      socket.receive(message("chat:1", 9));
    }
    expect(client.status.state).toBe("waiting");
    expect(socket.sentOf("subscribe").length).toBeLessThan(20);
    expect(errors).toEqual([expect.stringContaining("chat:1 was read again and again")]);
  });
});

describe("several subscriptions of one channel", () => {
  test("share one on the wire, each with its own place", async () => {
    const { channel, socket } = onlineFixture();
    const early = textsOf(channel.subscribe({ since: "start" }));
    await settle();
    socket.receive(subscribed(lastSubscribe(socket), 0));
    for (const seq of [1, 2, 3]) socket.receive(message("chat:1", seq));
    const late = textsOf(channel.subscribe({ since: "start" }));
    await settle();
    expect(lastSubscribe(socket)).toMatchObject({ since: "start" });
    socket.receive(message("chat:1", 4));
    expect(early).toEqual(["m1", "m2", "m3", "m4"]);
    socket.receive(subscribed(lastSubscribe(socket), 0));
    for (const seq of [1, 2, 3, 4, 5]) socket.receive(message("chat:1", seq));
    expect(early).toEqual(["m1", "m2", "m3", "m4", "m5"]);
    expect(late).toEqual(["m1", "m2", "m3", "m4", "m5"]);
  });

  test("do not share a character when the server merges across the place of one of them", async () => {
    const { channel, socket } = onlineFixture();
    const early = textsOf(channel.subscribe({ since: "start" }));
    await settle();
    socket.receive(subscribed(lastSubscribe(socket), 0));
    socket.receive(message("chat:1", 1));
    socket.receive(delta("chat:1", 2, "Hel"));
    socket.receive(delta("chat:1", 3, "lo "));
    const late = textsOf(channel.subscribe({ since: "start" }));
    await settle();
    socket.receive(subscribed(lastSubscribe(socket), 0));
    socket.receive(message("chat:1", 1));
    socket.receive(delta("chat:1", 6, "Hello world", 5));
    expect(early.join("")).toBe("m1Hello world");
    expect(late.join("")).toBe("m1Hello world");
    expect(socket.sentOf("subscribe")).toHaveLength(2);
  });

  test("end one by one; the last one leaves the channel", () => {
    const { channel, socket } = onlineFixture();
    const [first, second] = [channel.subscribe(), channel.subscribe()];
    socket.receive(subscribed(lastSubscribe(socket), 0));
    first.unsubscribe();
    expect(socket.sentOf("unsubscribe")).toEqual([]);
    second.unsubscribe();
    second.unsubscribe();
    expect(socket.sentOf("unsubscribe")).toHaveLength(1);
    // The server had left it already.
    socket.receive({ type: "error", ref: "x", code: "NOT_SUBSCRIBED", message: "There is no subscription" });
  });

  test("all end with the channel, and with the client", async () => {
    const { client, channel, socket } = onlineFixture();
    const closed: string[] = [];
    channel.subscribe().on("closed", ({ error }) => closed.push(`channel ${error?.code}`));
    channel.unsubscribe();
    client
      .channel("b:1")
      .subscribe()
      .on("closed", ({ error }) => closed.push(`client ${error?.code}`));
    const loop = client.channel("c:1").subscribe()[Symbol.asyncIterator]();
    client.close();
    expect(closed).toEqual(["channel undefined", "client undefined"]);
    expect(await loop.next()).toEqual({ done: true, value: undefined });
    expect(socket.closedWith).toEqual({ code: 1000 });
  });
});

describe("presence and signals", () => {
  test("presence is said after the subscription, and again on each connection", () => {
    const { client, channel, socket, reconnect } = onlineFixture();
    const members: unknown[] = [];
    channel.subscribe().on("presence", (event) => members.push(event));
    channel.presence({ my_name: "Ada" });
    expect(socket.sentOf("presence")).toEqual([]);
    socket.receive(subscribed(lastSubscribe(socket), 0));
    expect(socket.sentOf("presence")).toMatchObject([{ channel: "chat:1", state: { my_name: "Ada" } }]);
    const wire = {
      type: "presence",
      channel: "chat:1",
      event: "join",
      members: [{ client_id: "b", state: 1 }],
    };
    socket.receive(wire);
    expect(members).toEqual([{ event: "join", members: [{ clientId: "b", state: 1 }] }]);
    client.dropConnection();
    const next = reconnect();
    next.receive(subscribed(lastSubscribe(next), 0));
    expect(next.sentOf("presence")).toHaveLength(1);
  });

  test("who subscribes to a channel that is followed already is told who is present", async () => {
    const { channel, socket } = onlineFixture();
    channel.subscribe();
    socket.receive(subscribed(lastSubscribe(socket), 0));
    const say = (event: string, ...ids: string[]) =>
      socket.receive({
        type: "presence",
        channel: "chat:1",
        event,
        members: ids.map((id) => ({ client_id: id, state: id })),
      });
    say("members", "a", "b");
    say("join", "c");
    say("leave", "a");
    const heard: unknown[] = [];
    channel.subscribe().on("presence", (event) => heard.push(event));
    await settle();
    const members = ["b", "c"].map((id) => ({ clientId: id, state: id }));
    expect(heard).toEqual([{ event: "members", members }]);
  });

  test("a signal is sent now or never", () => {
    const { client, channel, socket } = onlineFixture();
    const seen: unknown[] = [];
    channel.subscribe().on("signal", (event) => seen.push(event));
    expect(channel.signal({ isTyping: true })).toBe(true);
    expect(socket.sentOf("signal")).toEqual([
      { type: "signal", channel: "chat:1", data: { isTyping: true } },
    ]);
    socket.receive({ type: "signal", channel: "chat:1", data: 1, sender: "bob" });
    expect(seen).toEqual([{ data: 1, sender: "bob" }]);
    client.disconnect();
    expect(channel.signal({ isTyping: false })).toBe(false);
  });
});

describe("coming back", () => {
  test("asks for every channel from its exact place, whether the session is still there or not", async () => {
    for (const isResumed of [true, false]) {
      const { client, network, clock, socket } = onlineFixture();
      const texts = textsOf(client.channel("a:1").subscribe());
      const idle = client.channel("b:1").subscribe();
      await settle();
      socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 3));
      socket.receive(subscribed(socket.sentOf("subscribe")[1]!, 8));
      socket.receive(message("a:1", 4));
      socket.end(1006);
      clock.advance(1_000);
      network.last.receive(welcome({ resumed: isResumed, session_id: isResumed ? "s1" : "s2" }));
      expect(network.last.sentOf("subscribe")).toMatchObject([
        { channel: "a:1", position: at(4) },
        { channel: "b:1", position: at(8) },
      ]);
      network.last.receive(subscribed(network.last.sentOf("subscribe")[0]!, 4));
      network.last.receive(message("a:1", 5));
      expect(texts).toEqual(["m4", "m5"]);
      expect(idle.position).toBe(at(8));
    }
  });

  test("leaves what was unsubscribed meanwhile, and nothing else", () => {
    const { client, channel, socket, clock, network } = onlineFixture();
    const subscription = channel.subscribe();
    client.channel("kept:1").subscribe();
    socket.receive(subscribed(socket.sentOf("subscribe")[0]!, 3));
    socket.end(1006);
    subscription.unsubscribe();
    clock.advance(1_000);
    const restored = ["chat:1", "kept:1", "~all"].map((name) => ({
      channel: name,
      position: at(1),
      recovered: true,
    }));
    network.last.receive(welcome({ resumed: true, subscriptions: restored }));
    expect(network.last.sentOf("unsubscribe")).toMatchObject([{ channel: "chat:1" }]);
  });
});
