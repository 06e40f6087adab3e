import { describe, expect, test } from "vitest";
import type { ConnectionStatus } from "../api.ts";
import type { ConnectOptions } from "../options.ts";
import { clientFixture, settle, welcome } from "../testing/client-fixture.ts";

function onlineFixture(options: ConnectOptions = {}) {
  const fixture = clientFixture(options);
  const statuses: ConnectionStatus["state"][] = [];
  fixture.client.on("status", (status) => statuses.push(status.state));
  fixture.network.last.receive(welcome());
  return { ...fixture, statuses };
}

describe("connecting", () => {
  test("starts at once, with what is known in the address", () => {
    const { client, network } = clientFixture({ token: "secret", sessionId: "s0" });
    expect(client.status).toEqual({ state: "connecting", attempt: 1 });
    const { pathname, searchParams } = network.last.url;
    expect(pathname).toBe("/ws");
    expect(Object.fromEntries(searchParams)).toEqual({
      client_id: "device",
      session_id: "s0",
      positions: "client",
      token: "secret",
    });
  });

  test("is over with the welcome, not with the open socket", () => {
    const { client, network } = clientFixture();
    network.last.receive({ type: "message", channel: "chat:1", position: "e.1.t", data: 1 });
    expect(client.status.state).toBe("connecting");
    network.last.receive(welcome());
    expect(client.status).toEqual({ state: "online" });
    expect(client.session).toEqual({ sessionId: "s1", clientId: "device", connectionId: "c1" });
  });

  test("asks for a token each time", async () => {
    let count = 0;
    const nextToken = async () => {
      count += 1;
      return `token-${count}`;
    };
    const { network, clock } = clientFixture({ token: nextToken });
    expect(network.sockets).toHaveLength(0);
    await settle();
    network.last.end(1006);
    clock.advance(1_000);
    await settle();
    expect(network.sockets.map(({ url }) => url.searchParams.get("token"))).toEqual(["token-1", "token-2"]);
  });

  test("tries again when there is no token, and says why", async () => {
    const errors: string[] = [];
    let isDown = true;
    const { client, network, clock, reported } = clientFixture({
      token: () => (isDown ? Promise.reject(new Error("no token today")) : Promise.resolve("t")),
    });
    client.on("error", (error) => errors.push(error.message));
    await settle();
    expect(client.status).toMatchObject({ state: "waiting", attempt: 2 });
    isDown = false;
    clock.advance(1_000);
    await settle();
    expect(network.sockets).toHaveLength(1);
    expect(errors).toEqual(["no token today"]);
    expect(reported).toEqual([]);
  });

  test("that hangs, in the socket or before it, is bounded", async () => {
    const { client, network, clock } = clientFixture({ connectTimeoutMs: 5_000 });
    const hanging = network.last;
    clock.advance(5_000);
    expect(client.status.state).toBe("waiting");
    expect(hanging.closedWith).toBeDefined();

    const withoutToken = clientFixture({
      connectTimeoutMs: 5_000,
      token: () => new Promise<string>(() => {}),
    });
    withoutToken.clock.advance(5_000);
    expect(withoutToken.client.status.state).toBe("waiting");
  });

  test("with a token that comes after the attempt was given up opens no socket for it", async () => {
    const tokens: ((token: string) => void)[] = [];
    const { network, clock } = clientFixture({
      connectTimeoutMs: 5_000,
      token: () => new Promise<string>((resolve) => tokens.push(resolve)),
    });
    clock.advance(5_000 + 1_000);
    expect(tokens).toHaveLength(2);
    tokens[1]!("second");
    tokens[0]!("first");
    await settle();
    expect(network.sockets.map(({ url }) => url.searchParams.get("token"))).toEqual(["second"]);
  });

  test("survives a platform that refuses to make a socket", () => {
    const errors: string[] = [];
    let isRefusing = true;
    const { client, network, clock } = clientFixture({ sessionId: "s0" });
    network.onSocket = () => {
      if (isRefusing) throw new Error("insecure");
    };
    client.on("error", (error) => errors.push(error.message));
    network.last.end();
    clock.advance(250);
    expect(client.status.state).toBe("waiting");
    isRefusing = false;
    clock.advance(500);
    expect(client.status.state).toBe("connecting");
    expect(errors).toEqual(["insecure"]);
  });

  test.each(["ftp://server.test", "nonsense", ""])("refuses the address %j", (url) => {
    expect(() => clientFixtureAt(url)).toThrow(TypeError);
  });

  test.each([
    ["http://server.test", "ws://server.test/ws"],
    ["https://server.test/", "wss://server.test/ws"],
    ["wss://server.test/live?tenant=a#x", "wss://server.test/live?tenant=a"],
  ])("takes %s for %s", (given, meant) => {
    const { url } = clientFixtureAt(given).network.last;
    url.searchParams.delete("client_id");
    expect(url.href).toBe(meant);
  });
});

function clientFixtureAt(url: string) {
  return clientFixture({ url });
}

describe("losing the connection", () => {
  test("waits, comes back with the session, and counts attempts until it held for a while", () => {
    const { client, network, clock, statuses } = onlineFixture();
    network.last.end(1006);
    expect(client.status).toEqual({ state: "waiting", attempt: 2, untilMs: clock.nowMs() + 250 });
    clock.advance(250);
    expect(network.last.url.searchParams.get("session_id")).toBe("s1");
    network.last.end(1006);
    expect(client.status).toMatchObject({ attempt: 3, untilMs: clock.nowMs() + 500 });
    clock.advance(500);
    network.last.receive(welcome({ resumed: true }));
    clock.advance(30_000);
    network.last.receive({ type: "pong" });
    clock.advance(30_000);
    network.last.end(1006);
    expect(client.status).toMatchObject({ attempt: 2 });
    expect(statuses).toEqual([
      "online",
      "waiting",
      "connecting",
      "waiting",
      "connecting",
      "online",
      "waiting",
    ]);
  });

  test.each([
    [4409, "Another connection resumed this session"],
    [4401, "Unauthorized"],
    [1009, "Message is too large"],
  ])("with %i is final", (code, reason) => {
    const { client, network, clock } = onlineFixture();
    network.last.end(code, reason);
    expect(client.status).toEqual({ state: "closed", code, reason });
    client.connect();
    network.emit("visible");
    clock.advance(3_600_000);
    expect(network.sockets).toHaveLength(1);
    expect(clock.timerCount).toBe(0);
    expect(network.listenerCount).toBe(0);
  });

  test("with 4409 after an earlier connection comes back with the session, once", () => {
    const { client, network, clock } = onlineFixture();
    network.last.end(1006);
    clock.advance(1_000);
    network.last.receive(welcome({ connection_id: "c2", resumed: true }));
    network.last.end(4409, "Another connection resumed this session");
    expect(client.status).toMatchObject({ state: "waiting" });
    clock.advance(2_000);
    expect(network.last.url.searchParams.has("session_id")).toBe(true);
    network.last.receive(welcome({ connection_id: "c3", resumed: true }));
    expect(client.status).toEqual({ state: "online" });
    network.last.end(4409, "Another connection resumed this session");
    expect(client.status).toMatchObject({ state: "closed", code: 4409 });
  });

  test("with a code that asks for a fresh start comes back without the session", () => {
    const { network, clock } = onlineFixture();
    network.last.end(4100);
    clock.advance(1_000);
    expect(network.sockets).toHaveLength(2);
    expect(network.last.url.searchParams.has("session_id")).toBe(false);
    expect(network.last.url.searchParams.has("positions")).toBe(false);
  });

  test("late events of a socket that was given up are not heard", () => {
    const { client, network, clock } = onlineFixture();
    const first = network.last;
    const { onmessage, onclose } = first;
    client.dropConnection();
    clock.advance(1_000);
    network.last.receive(welcome({ connection_id: "c2", resumed: true }));
    first.onmessage = onmessage;
    first.onclose = onclose;
    first.receive(welcome({ connection_id: "stale" }));
    first.receive({ type: "reconnect", in_ms: 1, reason: "stale" });
    first.end(4409, "stale");
    expect(client.status).toEqual({ state: "online" });
    expect(client.session?.connectionId).toBe("c2");
    expect(network.openCount).toBe(1);
  });
});

describe("the watchdog", () => {
  test("pings when nothing came for a while, and gives a silent connection up", () => {
    const { client, network, clock } = onlineFixture();
    clock.advance(34_999);
    expect(network.last.sentOf("ping")).toHaveLength(0);
    clock.advance(1);
    expect(network.last.sentOf("ping")).toHaveLength(1);
    expect(client.status.state).toBe("online");
    clock.advance(9_999);
    expect(client.status.state).toBe("online");
    clock.advance(1);
    // The socket never said a word about it.
    expect(client.status.state).toBe("waiting");
    expect(network.openCount).toBe(0);
  });

  test("takes any frame for a sign of life", () => {
    const { client, network, clock } = onlineFixture();
    for (let minute = 0; minute < 10; minute += 1) {
      clock.advance(20_000);
      network.last.receive({ type: "presence", channel: "chat:1", event: "join", members: [] });
    }
    expect(network.last.sentOf("ping")).toHaveLength(0);
    clock.advance(35_000 + 5_000);
    network.last.receive({ type: "pong" });
    clock.advance(35_000 + 10_000 - 1);
    expect(client.status.state).toBe("online");
    clock.advance(1);
    expect(client.status.state).toBe("waiting");
    expect(network.sockets[0]?.sentOf("ping")).toHaveLength(2);
  });

  test("looks at once when a page wakes up, and does not believe the socket", () => {
    const { client, network, clock } = onlineFixture();
    clock.jump(8 * 3_600_000);
    network.emit("visible");
    expect(network.last.sentOf("ping")).toHaveLength(1);
    clock.advance(10_000);
    expect(client.status.state).not.toBe("online");
  });

  test("tries again at once when the network is back", () => {
    const { client, network, clock } = onlineFixture();
    network.emit("offline");
    network.last.end(1006);
    expect(client.status).toEqual({ state: "waiting", attempt: 1, untilMs: clock.nowMs() + 30_000 });
    clock.advance(10_000);
    expect(network.sockets).toHaveLength(1);
    network.emit("online");
    expect(client.status).toEqual({ state: "connecting", attempt: 1 });
  });
});

describe("a refused upgrade whose answer the WebSocket shows", () => {
  function refuse(headers: Readonly<Record<string, string>>) {
    const { client, network, clock } = onlineFixture();
    network.onSocket = (socket) => {
      Object.assign(socket, {
        on: (name: string, listener: (request: object, response: object) => void) => {
          if (name === "unexpected-response") socket.onRefused = (response) => listener({}, response);
        },
        terminate: () => socket.end(1006),
      });
    };
    network.last.end(1006);
    clock.advance(1_000);
    network.last.onRefused?.({ headers });
    const { status } = client;
    return { status, waitMs: status.state === "waiting" ? status.untilMs - clock.nowMs() : undefined };
  }

  test("says when to come back", () => {
    const { status, waitMs } = refuse({ "retry-after": "7" });
    expect(status).toMatchObject({ state: "waiting", attempt: 3 });
    expect(waitMs).toBeGreaterThanOrEqual(7_000);
    expect(waitMs).toBeLessThanOrEqual(8_000);
  });

  test.each([{}, { "retry-after": "Tue, 01 Jan 2030 00:00:07 GMT" }])(
    "%j leaves it to the back-off",
    (headers) => {
      expect(refuse(headers).waitMs).toBeLessThanOrEqual(1_000);
    },
  );
});

describe("a server that drains", () => {
  test("is left when it said, with the session, and the application hears of it", () => {
    const { client, network, clock } = onlineFixture();
    const notices: unknown[] = [];
    client.on("reconnect", (notice) => notices.push(notice));
    network.last.receive({ type: "reconnect", in_ms: 3_000, reason: "draining" });
    clock.advance(2_999);
    expect(client.status.state).toBe("online");
    clock.advance(1);
    expect(notices).toEqual([{ inMs: 3_000, reason: "draining" }]);
    expect(network.sockets).toHaveLength(2);
    expect(network.openCount).toBe(1);
    expect(network.last.url.searchParams.get("session_id")).toBe("s1");
  });
});

describe("the application", () => {
  test("goes offline and comes back with the session", () => {
    const { client, network, clock } = onlineFixture();
    client.disconnect();
    expect(client.status).toEqual({ state: "offline" });
    expect(network.last.closedWith).toEqual({ code: 1000 });
    expect(clock.timerCount).toBe(0);
    network.emit("online");
    expect(network.sockets).toHaveLength(1);
    client.connect();
    expect(network.last.url.searchParams.get("session_id")).toBe("s1");
  });

  test("closes for good", () => {
    const { client, network, clock } = onlineFixture();
    client.close();
    expect(client.status).toEqual({ state: "closed", code: 1000, reason: "" });
    client.connect();
    expect(network.sockets).toHaveLength(1);
    expect(clock.timerCount).toBe(0);
    expect(() => client.channel("chat:1").subscribe()).toThrow(/closed/);
    expect(() => client.execute("chat", {})).toThrow(/closed/);
  });

  test("may disconnect in the listener that hears of the welcome", () => {
    for (const event of ["status", "session"] as const) {
      const { client, network } = clientFixture();
      client.channel("chat:1").subscribe();
      client.on(event, () => client.disconnect());
      network.last.receive(welcome());
      expect(client.status).toEqual({ state: "offline" });
      expect(network.last.sent).toEqual([]);
    }
  });

  test("hears of a listener that throws, and the others are called", () => {
    const { client, network, reported } = clientFixture();
    const seen: string[] = [];
    client.on("session", () => {
      throw new Error("first");
    });
    client.on("session", ({ sessionId }) => seen.push(sessionId));
    network.last.receive(welcome());
    expect(seen).toEqual(["s1"]);
    expect(reported).toEqual([new Error("first")]);
    client.on("error", () => {
      throw new Error("second");
    });
    client.disconnect();
    client.connect();
    network.last.receive(welcome());
    expect(reported).toEqual([new Error("first"), new Error("second")]);
  });

  test("is told of numbers that are out of range", () => {
    expect(() => clientFixture({ connectTimeoutMs: Number.POSITIVE_INFINITY })).toThrow(
      /connectTimeoutMs is Infinity/,
    );
    expect(() => clientFixture({ backOff: { maxDelayMs: 0 } })).toThrow(RangeError);
  });
});
