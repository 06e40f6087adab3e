import { describe, expect, test } from "vitest";
import type { SessionEvent } from "../api.ts";
import type { ConnectOptions } from "../options.ts";
import { at, clientFixture, message, settle, subscribed, welcome } from "../testing/client-fixture.ts";

const INBOXES = ["~session:s1", "~client:device", "~all"];

function inboxesAt(seq: number, names = INBOXES) {
  return names.map((channel) => ({ channel, position: at(seq), recovered: true }));
}

function sessionFixture(options: ConnectOptions = {}) {
  const fixture = clientFixture(options);
  const seen: unknown[] = [];
  const sessions: SessionEvent[] = [];
  fixture.client.on("message", ({ inbox, data }) => seen.push(`${inbox}: ${String(data)}`));
  fixture.client.on("reset", ({ inbox, reason }) => seen.push(`${inbox} reset: ${reason}`));
  fixture.client.on("session", (event) => sessions.push(event));
  const reconnect = (fields: Record<string, unknown>) => {
    fixture.network.last.end(1006);
    fixture.clock.advance(30_000);
    fixture.network.last.receive(welcome(fields));
    return fixture.network.last;
  };
  return { ...fixture, seen, sessions, reconnect };
}

function memoryStorage(initial?: string) {
  const writes: string[] = [];
  return {
    writes,
    get: () => writes.at(-1) ?? initial,
    set: (value: string) => {
      writes.push(value);
    },
  };
}

describe("inboxes", () => {
  test("deliver without being asked for, each message once", () => {
    const { network, seen } = sessionFixture();
    const socket = network.last;
    socket.receive(welcome({ subscriptions: inboxesAt(0) }));
    expect(socket.sent).toEqual([]);
    for (const [index, name] of INBOXES.entries()) socket.receive(message(name, 1, index));
    socket.receive(message("~all", 1, "again"));
    expect(seen).toEqual(["session: 0", "client: 1", "all: 2"]);
  });

  test("go on from our own place after a resume", () => {
    const { network, seen, sessions, reconnect } = sessionFixture();
    network.last.receive(welcome({ subscriptions: inboxesAt(0) }));
    network.last.receive(message("~all", 1, "one"));
    // The server knows less of us than we do: its heartbeat was not answered yet.
    const socket = reconnect({ resumed: true, subscriptions: inboxesAt(0) });
    const asked = socket.sentOf("subscribe");
    expect(asked.map(({ channel, position }) => `${channel} ${position}`)).toEqual([
      `~session:s1 ${at(0)}`,
      `~client:device ${at(0)}`,
      `~all ${at(1)}`,
    ]);
    for (const request of asked) socket.receive(subscribed(request, 0));
    socket.receive(message("~all", 2, "two"));
    expect(seen).toEqual(["all: one", "all: two"]);
    expect(sessions.map(({ resumed, inboxesRestarted }) => [resumed, inboxesRestarted])).toEqual([
      [false, false],
      [true, false],
    ]);
  });

  test("start again with a new session, and the application is told", () => {
    const { network, seen, sessions, reconnect } = sessionFixture();
    network.last.receive(welcome({ subscriptions: inboxesAt(4) }));
    const names = ["~session:s2", "~client:device", "~all"];
    const fresh = { session_id: "s2", reason: "expired_session", subscriptions: inboxesAt(9, names) };
    const socket = reconnect(fresh);
    expect(socket.sent).toEqual([]);
    for (const name of names) socket.receive(message(name, 10, "ten"));
    expect(seen).toEqual(["session: ten", "client: ten", "all: ten"]);
    expect(sessions[1]).toEqual({
      sessionId: "s2",
      clientId: "device",
      connectionId: "c1",
      resumed: false,
      reason: "expired_session",
      inboxesRestarted: true,
    });
  });

  test("say what is lost", () => {
    const { network, seen, reconnect } = sessionFixture();
    network.last.receive(welcome({ subscriptions: inboxesAt(0) }));
    const socket = reconnect({ resumed: true, subscriptions: inboxesAt(0) });
    const request = socket.sentOf("subscribe").find(({ channel }) => channel === "~all")!;
    socket.receive(subscribed(request, 7, { recovered: false, reason: "trimmed" }));
    socket.receive({ type: "reset", channel: "~all", reason: "trimmed", position: at(7) });
    socket.receive(message("~all", 8, "eight"));
    expect(seen).toEqual(["all reset: trimmed", "all: eight"]);
  });
});

describe("a storage", () => {
  test("brings the session and the places of its inboxes to the next page", () => {
    const storage = memoryStorage();
    const first = sessionFixture({ storage });
    first.network.last.receive(welcome({ subscriptions: inboxesAt(0) }));
    first.network.last.receive(message("~all", 1));
    first.network.last.receive(message("~all", 2));

    const { network, seen } = sessionFixture({ storage });
    expect(network.last.url.searchParams.get("session_id")).toBe("s1");
    network.last.receive(welcome({ resumed: true, subscriptions: inboxesAt(0) }));
    const asked = network.last.sentOf("subscribe").find(({ channel }) => channel === "~all")!;
    expect(asked).toMatchObject({ position: at(2) });
    network.last.receive(subscribed(asked, 2));
    network.last.receive(message("~all", 3));
    expect(seen).toEqual(["all: m3"]);
  });

  test("may take its time", async () => {
    const stored = JSON.stringify({ sessionId: "s9", clientId: "device", inboxes: {} });
    const { network } = clientFixture({ storage: { get: async () => stored, set: async () => {} } });
    expect(network.sockets).toHaveLength(0);
    await settle();
    expect(network.last.url.searchParams.get("session_id")).toBe("s9");
  });

  test.each([
    undefined,
    null,
    "",
    "{",
    "null",
    "[]",
    '{"sessionId":1}',
    '{"sessionId":"s","clientId":"other"}',
  ])("with %j in it starts a new session", (stored) => {
    const { network, client } = clientFixture({ storage: { get: () => stored, set: () => {} } });
    expect(network.last.url.searchParams.has("session_id")).toBe(false);
    network.last.receive(welcome());
    expect(client.status.state).toBe("online");
  });

  test("that fails is reported and does not stop the client", async () => {
    const errors: string[] = [];
    const { client, network } = clientFixture({
      storage: {
        get: () => Promise.reject(new Error("cannot read")),
        set: () => {
          throw new Error("cannot write");
        },
      },
    });
    client.on("error", ({ message: text }) => errors.push(text));
    await settle();
    network.last.receive(welcome());
    expect(client.status.state).toBe("online");
    expect(errors).toEqual(["cannot read", "cannot write"]);
  });

  test("that restored a session of which something is lost says so", () => {
    const { network, seen } = sessionFixture({ sessionId: "s1" });
    const lost = { channel: "~all", position: at(7), recovered: false, reason: "trimmed" };
    network.last.receive(welcome({ resumed: true, subscriptions: [lost] }));
    expect(seen).toEqual(["all reset: trimmed"]);
    expect(network.last.sentOf("subscribe")).toMatchObject([{ channel: "~all", position: at(7) }]);
  });
});
