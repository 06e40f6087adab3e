/** The client where no WebSocket gets through: its way over HTTP, and its way back. */
import { describe, expect, test } from "vitest";
import { at, clientFixture, message, subscribed, welcome } from "../testing/client-fixture.ts";
import { FakeHttp, type FakeStream, untilTrue } from "../testing/fake-http.ts";
import type { FakeSocket } from "../testing/fake-network.ts";

type Options = Parameters<typeof clientFixture>[0];

function blockedFixture(options: Options = {}) {
  const http = new FakeHttp();
  const fixture = clientFixture({ ...options, ports: { fetch: http.fetch, ...options.ports } });
  const { network, clock } = fixture;
  const isBlocked = { value: true };
  const refuse = (socket: FakeSocket) => {
    if (isBlocked.value) queueMicrotask(() => socket.end(1006));
  };
  network.onSocket = refuse;
  for (const socket of network.sockets) refuse(socket);
  /** Lets attempts fail until there is a request for a stream. */
  const untilStream = async (count = 1) => {
    await untilTrue(`stream ${count}`, () => {
      if (http.streams.length >= count) return true;
      // An attempt that is under way waits for the code of the other way, which takes its time and not the clock's.
      if (fixture.client.status.state === "waiting") clock.advance(1_000);
      return false;
    });
    return http.last;
  };
  const online = async () => {
    const stream = await untilStream();
    stream.begin();
    stream.receive(welcome({ connection_id: "n1-c9" }));
    await untilTrue("online", () => fixture.client.status.state === "online");
    return stream;
  };
  /** Time goes by on a stream that is alive. */
  const live = async (stream: FakeStream, ms: number) => {
    for (let leftMs = ms; leftMs > 0; leftMs -= 15_000) {
      clock.advance(Math.min(leftMs, 15_000));
      stream.write(": hb\n\n");
      for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  return { ...fixture, http, isBlocked, untilStream, online, live };
}

describe("where no WebSocket opens", () => {
  test("events and requests take its place after three tries", async () => {
    const { client, network, http, untilStream } = blockedFixture({ token: "secret", clientId: "alice" });
    const stream = await untilStream();
    expect(network.sockets).toHaveLength(3);
    expect(stream.url.href).toBe("http://server.test/events?client_id=alice");
    expect(stream.headers.get("authorization")).toBe("Bearer secret");
    stream.begin();
    const reading = client.channel("chat:1").subscribe();
    const published = client.channel("chat:1").publish("hello");
    stream.receive(welcome({ client_id: "alice", connection_id: "n1-c9" }));
    await untilTrue("the request", () => http.sentOf("publish").length > 0);
    const [post] = http.posts;
    expect(post!.url.href).toBe("http://server.test/api/commands?connection_id=n1-c9&seq=1");
    expect(post!.headers.get("authorization")).toBe("Bearer secret");
    // What was asked in one turn travels together.
    expect(post!.messages.map(({ type }) => type)).toEqual(["subscribe", "publish"]);
    stream.receive(subscribed(post!.messages[0]!, 0));
    stream.receive(message("chat:1", 1, "hello"));
    stream.receive({ type: "receipt", ref: post!.messages[1]!["id"], status: "applied", position: at(1) });
    expect(await published).toEqual({ position: at(1) });
    const first = await reading[Symbol.asyncIterator]().next();
    expect(first.value).toMatchObject({ data: "hello" });
  });

  test("a lost stream is resumed from the exact positions", async () => {
    const { client, http, online, untilStream } = blockedFixture();
    const seen: unknown[] = [];
    client
      .channel("chat:1")
      .subscribe()
      .on("message", ({ data }) => seen.push(data));
    const first = await online();
    await untilTrue("the subscription", () => http.sentOf("subscribe").length > 0);
    first.receive(subscribed(http.sentOf("subscribe")[0]!, 0));
    first.receive(message("chat:1", 1, "one"));
    await untilTrue("one", () => seen.length === 1);
    first.end();
    const second = await untilStream(2);
    expect(second.url.searchParams.get("session_id")).toBe("s1");
    expect(second.url.searchParams.get("positions")).toBe("client");
    second.begin();
    second.receive(welcome({ resumed: true, connection_id: "n1-c10" }));
    await untilTrue("the next subscription", () => http.sentOf("subscribe").length > 1);
    expect(http.sentOf("subscribe")[1]).toMatchObject({ position: at(1) });
    expect(http.posts.at(-1)!.url.searchParams.get("seq")).toBe("1");
  });

  test("requests follow each other, and one that fails ends the connection", async () => {
    const { client, http, online, untilStream } = blockedFixture();
    http.takesPosts = false;
    const stream = await online();
    const publishing = ["a", "b", "c"].map((data) => client.channel("chat:1").publish(data));
    await untilTrue("a request", () => http.posts.length === 1);
    const later = client.channel("chat:1").publish("d");
    http.posts[0]!.answer(202);
    await untilTrue("the next request", () => http.posts.length === 2);
    expect(http.posts.map(({ messages }) => messages.length)).toEqual([3, 1]);
    http.posts[1]!.answer(410);
    await untilTrue("the end", () => client.status.state !== "online");
    expect(stream.isAborted).toBe(true);
    http.takesPosts = true;
    const second = await untilStream(2);
    second.begin();
    second.receive(welcome({ resumed: true, connection_id: "n1-c10" }));
    // What has no receipt is asked again, under the same ids.
    await untilTrue("the commands again", () => http.sentOf("publish").length >= 8);
    const ids = http.sentOf("publish").map(({ id }) => id);
    expect(ids.slice(4)).toEqual(ids.slice(0, 4));
    for (const id of ids.slice(4))
      second.receive({ type: "receipt", ref: id, status: "applied", position: at(1) });
    await Promise.all([...publishing, later]);
  });

  test("comments keep the connection from being taken for dead, and have what has arrived confirmed", async () => {
    const { client, clock, http, online } = blockedFixture();
    client.channel("chat:1").subscribe();
    const stream = await online();
    await untilTrue("the subscription", () => http.sentOf("subscribe").length > 0);
    stream.receive(subscribed(http.sentOf("subscribe")[0]!, 0));
    stream.receive(message("chat:1", 1));
    stream.receive(message("chat:1", 2));
    for (let count = 0; count < 4; count += 1) {
      clock.advance(20_000);
      stream.write(": hb\n\n");
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await untilTrue("the confirmation", () => http.sentOf("ack").length > 0);
    expect(http.sentOf("ack")).toEqual([{ type: "ack", positions: { "chat:1": at(2) } }]);
    expect(http.sentOf("ping")).toEqual([]);
    expect(client.status.state).toBe("online");
    // Without them it asks, and gives up when nothing answers.
    clock.advance(36_000);
    await untilTrue("the ping", () => http.sentOf("ping").length === 1);
    clock.advance(11_000);
    expect(client.status.state).not.toBe("online");
    expect(stream.isAborted).toBe(true);
  });

  test.each([
    ["close", 1012, "waiting"],
    ["end", 4409, "closed"],
  ] as const)("the event %s with %i says what comes next", async (event, code, state) => {
    const { client, online } = blockedFixture();
    const stream = await online();
    stream.write(
      `event: ${event}\nid: end\ndata: ${JSON.stringify({ code, reason: "why", retry: "resume" })}\n\n`,
    );
    await untilTrue(state, () => client.status.state === state);
    if (state === "closed") expect(client.status).toMatchObject({ code, reason: "why" });
  });

  test("a server that is away is tried both ways in turn, and comes back over a WebSocket", async () => {
    const { client, network, http, isBlocked, untilStream } = blockedFixture();
    (await untilStream()).refuse(503, { "retry-after": "7" });
    await untilTrue("a pause", () => client.status.state === "waiting");
    isBlocked.value = false;
    await untilStream(1);
    await untilTrue("a WebSocket again", () => {
      if (network.sockets.length === 4) return true;
      network.emit("online");
      return false;
    });
    network.last.receive(welcome());
    await untilTrue("online", () => client.status.state === "online");
    expect(http.streams).toHaveLength(1);
  });

  test("Retry-After of a refusal is heeded", async () => {
    const { client, clock, untilStream } = blockedFixture();
    (await untilStream()).refuse(503, { "retry-after": "60" });
    await untilTrue("a pause", () => client.status.state === "waiting");
    const { status } = client;
    expect(status.state === "waiting" && status.untilMs - clock.nowMs()).toBeGreaterThanOrEqual(60_000);
  });

  test.each([
    ["only WebSockets are wanted", { transports: ["websocket"] }],
    ["the network is replaced by one without HTTP", { ports: { fetch: undefined } }],
  ])("where %s there is no other way", async (_why, options) => {
    const { client, network, http, clock } = blockedFixture(options as never);
    await untilTrue("ten tries", () => {
      clock.advance(30_000);
      return network.sockets.length >= 10;
    });
    expect(http.streams).toEqual([]);
    client.close();
  });

  test("with events alone no WebSocket is ever made", async () => {
    const { network, online, clock } = blockedFixture({ transports: ["sse"] });
    await online();
    clock.advance(30 * 60_000);
    expect(network.sockets).toEqual([]);
  });
});

describe("the way back", () => {
  test("a WebSocket is tried beside the stream, ever more rarely", async () => {
    const { client, clock, network, online } = blockedFixture();
    const stream = await online();
    const triedAt: number[] = [];
    const startMs = clock.nowMs();
    let socketCount = network.sockets.length;
    for (let second = 0; second < 1_000; second += 1) {
      clock.advance(1_000);
      if (second % 20 === 0) stream.write(": hb\n\n");
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (network.sockets.length > socketCount) triedAt.push(Math.round((clock.nowMs() - startMs) / 1_000));
      socketCount = network.sockets.length;
    }
    // 45, 90, 180, 360 seconds one after the other, with dice that always show one half.
    expect(triedAt.map((at) => Math.round(at / 45))).toEqual([1, 3, 7, 15]);
    expect(client.status.state).toBe("online");
    const { searchParams } = network.last.url;
    expect([searchParams.get("probe"), searchParams.get("session_id")]).toEqual(["1", null]);
  });

  test("when one gets through, the connection moves, and goes on from the exact positions", async () => {
    const { client, clock, http, network, isBlocked, online, live } = blockedFixture();
    const seen: unknown[] = [];
    client
      .channel("chat:1")
      .subscribe()
      .on("message", ({ data }) => seen.push(data));
    const stream = await online();
    await untilTrue("the subscription", () => http.sentOf("subscribe").length > 0);
    stream.receive(subscribed(http.sentOf("subscribe")[0]!, 0));
    stream.receive(message("chat:1", 1, "one"));
    await untilTrue("one", () => seen.length === 1);
    isBlocked.value = false;
    const socketCount = network.sockets.length;
    await live(stream, 45_000);
    await untilTrue("the probe", () => network.sockets.length === socketCount + 1);
    network.last.end(1000, "Probed");
    await untilTrue("the move", () => {
      clock.advance(1);
      return network.sockets.length === socketCount + 2;
    });
    expect(stream.isAborted).toBe(true);
    const socket = network.last;
    expect(socket.url.searchParams.get("session_id")).toBe("s1");
    (socket.onopen as (() => void) | null)?.();
    socket.receive(welcome({ resumed: true }));
    const [again] = socket.sentOf("subscribe");
    expect(again).toMatchObject({ channel: "chat:1", position: at(1) });
    socket.receive(subscribed(again!, 1));
    socket.receive(message("chat:1", 2, "two"));
    expect(seen).toEqual(["one", "two"]);
    // It counts as good again: three must fail before the other way is taken.
    isBlocked.value = true;
    socket.end(1006);
    await untilTrue("the other way", () => {
      clock.advance(1_000);
      return http.streams.length === 2;
    });
    expect(network.sockets.length - socketCount - 2).toBe(3);
  });

  test("when the WebSocket fails after all, the stream is taken again at once", async () => {
    const { client, clock, http, network, online, live } = blockedFixture();
    const stream = await online();
    const socketCount = network.sockets.length;
    network.onSocket = undefined;
    await live(stream, 45_000);
    await untilTrue("the probe", () => network.sockets.length === socketCount + 1);
    network.last.end(1000, "Probed");
    await untilTrue("the move", () => {
      clock.advance(1);
      return network.sockets.length === socketCount + 2;
    });
    network.last.end(1006);
    await untilTrue("the stream", () => {
      clock.advance(500);
      return http.streams.length === 2;
    });
    expect(network.sockets).toHaveLength(socketCount + 2);
    expect(client.status.state).toBe("connecting");
  });

  test("nothing goes on after the client is closed", async () => {
    const { client, clock, http, network, online } = blockedFixture();
    const stream = await online();
    client.close();
    expect(stream.isAborted).toBe(true);
    const counts = [network.sockets.length, http.streams.length, http.posts.length];
    clock.advance(2 * 3_600_000);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect([network.sockets.length, http.streams.length, http.posts.length]).toEqual(counts);
  });
});
