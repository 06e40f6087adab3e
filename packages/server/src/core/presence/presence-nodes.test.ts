/** Who is present, on several nodes with one memory. */
import { describe, expect, test } from "vitest";
import { leaseOf } from "../cluster/node-lease.ts";
import { DEFAULT_NAMESPACE } from "../namespace.ts";
import { ClusterFixture, type ClusterNode } from "../testing/cluster-fixture.ts";
import type { ConnectedClient } from "../testing/core-fixture.ts";
import type { FakeClock } from "../testing/fake-clock.ts";

const GRACE_MS = 5_000;
const LEASE_TTL_MS = 15_000;
const CHECK_MS = 5_000;
const ROOM = "room:1";

async function cluster(nodeCount = 2): Promise<ClusterFixture> {
  const fixture = new ClusterFixture({
    nodeCount,
    namespaces: { room: { ...DEFAULT_NAMESPACE, isPresenceEnabled: true, maxRecordBytes: 50_000 } },
  });
  await fixture.open();
  return fixture;
}

async function reader(node: ClusterNode, clientId: string, sessionId?: string): Promise<ConnectedClient> {
  const client = await node.connect(clientId, sessionId);
  if (sessionId === undefined) client.send({ type: "subscribe", id: "s", channel: ROOM });
  await node.clock.settle();
  return client;
}

async function present(node: ClusterNode, clientId: string, state: unknown): Promise<ConnectedClient> {
  const client = await reader(node, clientId);
  client.send({ type: "presence", channel: ROOM, state });
  await node.clock.settle();
  return client;
}

/** Each presence message as `event client=state ...`. */
function eventsOf({ transport }: ConnectedClient): string[] {
  return transport.ofType("presence").map(({ event, members }) => {
    const list = (members as { client_id: string; state: unknown }[])
      .map(({ client_id, state }) => `${client_id}=${String(state)}`)
      .sort();
    return [event, ...list].join(" ");
  });
}

/** What a client that follows the events holds now. */
function listOf({ transport }: ConnectedClient): string[] {
  const held = new Map<string, unknown>();
  for (const { event, members } of transport.ofType("presence")) {
    if (event === "members") held.clear();
    for (const { client_id: clientId, state } of members as { client_id: string; state: unknown }[]) {
      if (event === "leave") held.delete(clientId);
      else held.set(clientId, state);
    }
  }
  return [...held].map(([clientId, state]) => `${clientId}=${String(state)}`).sort();
}

/** Time passes, and these clients answer their pings. */
async function pass(clock: FakeClock, ms: number, clients: readonly ConnectedClient[]): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
    await clock.advance(Math.min(1_000, ms - passedMs));
    for (const { connection, transport } of clients) {
      for (const ping of transport.pings.splice(0)) connection.onPong(ping);
    }
  }
}

describe("on several nodes", () => {
  test("PRE-2 join, update and leave reach the readers of every node", async () => {
    const { nodes, clock } = await cluster(3);
    const watchers = [];
    for (const node of nodes) watchers.push(await reader(node, `watcher-${watchers.length}`));
    const member = await present(nodes[0]!, "ann", "here");
    member.send({ type: "presence", channel: ROOM, state: "busy" });
    await clock.settle();
    member.send({ type: "unsubscribe", id: "u", channel: ROOM });
    await clock.settle();
    for (const watcher of watchers) {
      expect(eventsOf(watcher)).toEqual(["members", "join ann=here", "update ann=busy", "leave ann=busy"]);
    }
    expect(eventsOf(member)).toEqual(["members", "join ann=here", "update ann=busy"]);
  });

  test("PRE-2 a new reader gets the members of all nodes", async () => {
    const { nodes, clock } = await cluster(3);
    await present(nodes[0]!, "ann", 1);
    await present(nodes[1]!, "bob", 2);
    const late = await reader(nodes[2]!, "cleo");
    await clock.settle();
    expect(eventsOf(late)).toEqual(["members ann=1 bob=2"]);
  });

  test("PRE-1 the same state again is an event again, on every node", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    member.send({ type: "presence", channel: ROOM, state: "here" });
    await clock.settle();
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here", "update ann=here"]);
  });

  test("PRE-4 a client on two nodes is one member, shows what it set last, and leaves with the last session", async () => {
    const { nodes, clock } = await cluster(3);
    const watcher = await reader(nodes[2]!, "watcher");
    const phone = await present(nodes[0]!, "ann", "phone");
    const laptop = await present(nodes[1]!, "ann", "laptop");
    expect(eventsOf(watcher).slice(1)).toEqual(["join ann=phone", "update ann=laptop"]);
    phone.connection.onClosed(1006);
    await clock.advance(GRACE_MS + 1);
    expect(eventsOf(watcher)).toHaveLength(3);
    laptop.connection.onClosed(1006);
    await clock.advance(GRACE_MS + 1);
    expect(eventsOf(watcher).slice(3)).toEqual(["leave ann=laptop"]);
  });

  test("PRE-4 when the session that set last leaves, the client shows what the other had set", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    await present(nodes[0]!, "ann", "phone");
    const laptop = await present(nodes[1]!, "ann", "laptop");
    laptop.send({ type: "unsubscribe", id: "u", channel: ROOM });
    await clock.settle();
    expect(eventsOf(watcher).slice(1)).toEqual(["join ann=phone", "update ann=laptop", "update ann=phone"]);
  });

  test("PRE-3 a reader without room gets the whole list when it has", async () => {
    const { nodes, clock } = await cluster();
    const slow = await reader(nodes[1]!, "slow");
    slow.transport.bufferedBytes = 1_000_000;
    await present(nodes[0]!, "ann", 1);
    await present(nodes[1]!, "bob", 2);
    expect(eventsOf(slow)).toEqual(["members"]);
    slow.transport.bufferedBytes = 0;
    slow.connection.onDrain();
    await clock.settle();
    expect(eventsOf(slow)).toEqual(["members", "members ann=1 bob=2"]);
  });

  test("a state larger than a record may be is refused", async () => {
    const { nodes, clock } = await cluster();
    const member = await reader(nodes[0]!, "ann");
    member.send({ type: "presence", id: "p", channel: ROOM, state: "x".repeat(60_000) });
    await clock.settle();
    expect(member.transport.ofType("error")).toMatchObject([{ code: "RECORD_TOO_LARGE", ref: "p" }]);
  });

  test("a large state reaches the other nodes too", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const state = "x".repeat(40_000);
    await present(nodes[0]!, "ann", state);
    await clock.settle();
    expect(listOf(watcher)).toEqual([`ann=${state}`]);
  });
});

describe("a session that moves", () => {
  test.each([1, 2_500, GRACE_MS - 1])(
    "PRE-5 to another node %i ms after its connection was lost shows nothing to the others",
    async (awayMs) => {
      const { nodes, clock } = await cluster(3);
      const watchers = [await reader(nodes[0]!, "w0"), await reader(nodes[1]!, "w1")];
      const member = await present(nodes[0]!, "ann", "here");
      member.connection.onClosed(1006);
      await clock.advance(awayMs);
      const moved = await reader(nodes[2]!, "ann", member.connection.session.id);
      await clock.advance(GRACE_MS * 5);
      for (const watcher of watchers) expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
      expect(listOf(moved)).toEqual(["ann=here"]);
      moved.connection.onClosed(1006);
      await clock.advance(GRACE_MS + 1);
      for (const watcher of watchers) expect(eventsOf(watcher).slice(2)).toEqual(["leave ann=here"]);
    },
  );

  test("PRE-5 whose old node has not noticed that the connection is lost shows nothing either", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[0]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    const moved = await reader(nodes[1]!, "ann", member.connection.session.id);
    await clock.advance(GRACE_MS * 5);
    expect(member.transport.closed?.code).toBe(4409);
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
    moved.send({ type: "presence", channel: ROOM, state: "busy" });
    await clock.settle();
    expect(eventsOf(watcher).slice(2)).toEqual(["update ann=busy"]);
  });

  test("PRE-5 there and back again shows nothing", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    let member = await present(nodes[0]!, "ann", "here");
    for (const index of [1, 0, 1, 0]) {
      member.connection.onClosed(1006);
      await clock.advance(300);
      member = await reader(nodes[index]!, "ann", member.connection.session.id);
    }
    await clock.advance(GRACE_MS * 4);
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
    member.connection.onClosed(1006);
    await clock.advance(GRACE_MS + 1);
    expect(eventsOf(watcher).slice(2)).toEqual(["leave ann=here"]);
  });

  test("PRE-5 back again while the node between still puts it on the roster shows nothing", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[0]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    const { id } = member.connection.session;
    member.connection.onClosed(1006);
    const letThrough = nodes[1]!.link.holdNext("enroll", (entry) =>
      JSON.stringify(entry).includes('"presence"'),
    );
    const between = await reader(nodes[1]!, "ann", id);
    const back = await reader(nodes[0]!, "ann", id);
    expect(between.transport.closed?.code).toBe(4409);
    letThrough();
    await clock.settle();
    const roster = { tenant: "default", kind: "presence", name: ROOM } as const;
    const [entry] = (await nodes[0]!.store.readRoster(roster, clock.nowMs())).entries;
    expect(entry?.lease).toBe(leaseOf(nodes[0]!.server.nodeId));
    await clock.advance(GRACE_MS * 4);
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
    back.connection.onClosed(1006);
    await clock.advance(GRACE_MS + 1);
    expect(eventsOf(watcher).slice(2)).toEqual(["leave ann=here"]);
  });

  test("PRE-5 too late has left, and is no member until it says so again", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[0]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    member.connection.onClosed(1006);
    await clock.advance(GRACE_MS + 1);
    const moved = await reader(nodes[1]!, "ann", member.connection.session.id);
    await clock.advance(CHECK_MS);
    expect(eventsOf(watcher).slice(1)).toEqual(["join ann=here", "leave ann=here"]);
    expect(eventsOf(moved)).toEqual(["members"]);
  });

  test("PRE-5 off a node that stops shows nothing", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    const closing = nodes[0]!.server.close(1_000, "SERVER_RESTARTING");
    await clock.advance(1_000);
    await closing;
    expect(member.transport.closed?.code).toBe(1012);
    await clock.advance(1_000);
    await reader(nodes[1]!, "ann", member.connection.session.id);
    await clock.advance(GRACE_MS * 5);
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
  });

  test("PRE-5 of a node that stopped and did not come back leaves after its grace", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    await present(nodes[0]!, "ann", "here");
    const closing = nodes[0]!.server.close(0, "SERVER_RESTARTING");
    await clock.advance(10);
    await closing;
    await clock.advance(GRACE_MS - 100);
    expect(eventsOf(watcher).slice(1)).toEqual(["join ann=here"]);
    await clock.advance(100 + CHECK_MS);
    expect(eventsOf(watcher).slice(1)).toEqual(["join ann=here", "leave ann=here"]);
  });

  test("brings back what it had set also where the store did not answer at first", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[0]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    member.connection.onClosed(1006);
    await clock.advance(100);
    const { link } = nodes[1]!;
    link.failNext("readRoster");
    await nodes[1]!.connect("ann", member.connection.session.id);
    const roster = { tenant: "default", kind: "presence", name: ROOM } as const;
    const leaseNow = async () => (await nodes[1]!.store.readRoster(roster, clock.nowMs())).entries[0]?.lease;
    expect(await leaseNow()).toBe(leaseOf(nodes[0]!.server.nodeId));
    await clock.advance(GRACE_MS * 4);
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
    expect(await leaseNow()).toBe(leaseOf(nodes[1]!.server.nodeId));
  });
});

describe("a node that dies", () => {
  test("PRE-5 takes nobody with it who comes back elsewhere", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    nodes[0]!.kill();
    await clock.advance(1_000);
    await reader(nodes[1]!, "ann", member.connection.session.id);
    await clock.advance(LEASE_TTL_MS * 3);
    expect(eventsOf(watcher)).toEqual(["members", "join ann=here"]);
  });

  test("PRE-6 its members are gone once its lease has run out, and the roster does not keep them", async () => {
    const { nodes, clock, memory } = await cluster(3);
    const watchers = [await reader(nodes[1]!, "w1"), await reader(nodes[2]!, "w2")];
    await present(nodes[0]!, "ann", "here");
    await present(nodes[1]!, "bob", "there");
    nodes[0]!.kill();
    await clock.advance(LEASE_TTL_MS + CHECK_MS);
    for (const watcher of watchers) expect(eventsOf(watcher).slice(1).at(-1)).toBe("leave ann=here");
    for (const watcher of watchers) expect(listOf(watcher)).toEqual(["bob=there"]);
    await clock.advance(LEASE_TTL_MS);
    expect(memory.leases.find(leaseOf(nodes[0]!.server.nodeId))).toBeUndefined();
  });

  test("PRE-6 without hints the members of all nodes are right after a look at the roster", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    nodes[1]!.link.isDeaf = true;
    const member = await present(nodes[0]!, "ann", "here");
    await present(nodes[0]!, "bob", "there");
    expect(eventsOf(watcher)).toEqual(["members"]);
    await clock.advance(CHECK_MS);
    expect(eventsOf(watcher).slice(1)).toEqual(["join ann=here bob=there"]);
    member.send({ type: "unsubscribe", id: "u", channel: ROOM });
    await clock.advance(CHECK_MS);
    expect(eventsOf(watcher).slice(2)).toEqual(["leave ann=here"]);
  });
});

describe("a node that was paused", () => {
  test("puts its members back when it runs again, and those that moved stay where they are", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const stayed = await present(nodes[0]!, "ann", "here");
    const moving = await present(nodes[0]!, "bob", "there");
    nodes[0]!.pause();
    await clock.advance(1_000);
    const moved = await reader(nodes[1]!, "bob", moving.connection.session.id);
    await pass(clock, LEASE_TTL_MS * 2, [watcher, moved]);
    expect(listOf(watcher)).toEqual(["bob=there"]);
    nodes[0]!.resume();
    await pass(clock, CHECK_MS, [watcher, moved]);
    expect(listOf(watcher)).toEqual(["ann=here", "bob=there"]);
    // Its client has gone meanwhile, which it finds out now.
    await pass(clock, LEASE_TTL_MS, [watcher, moved]);
    expect(stayed.transport.closed?.code).toBe(4008);
    expect(listOf(watcher)).toEqual(["bob=there"]);
    expect(eventsOf(watcher).filter((event) => event.includes("bob"))).toEqual(["join bob=there"]);
    expect(moved.transport.closed).toBeUndefined();
  });

  test("a pause shorter than a heartbeat: its members come back with it", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    await present(nodes[0]!, "ann", "here");
    nodes[0]!.pause();
    await clock.advance(LEASE_TTL_MS + 2 * CHECK_MS);
    expect(listOf(watcher)).toEqual([]);
    nodes[0]!.resume();
    await clock.advance(CHECK_MS);
    expect(listOf(watcher)).toEqual(["ann=here"]);
  });
});

describe("a store that is away", () => {
  test("PRE-1 is told to who wanted to be present, and made up for when it is there again", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const member = await reader(nodes[0]!, "ann");
    nodes[0]!.link.cut();
    member.send({ type: "presence", id: "p", channel: ROOM, state: "here" });
    await clock.settle();
    expect(member.transport.ofType("error")).toMatchObject([{ code: "STORE_UNAVAILABLE", ref: "p" }]);
    nodes[0]!.link.heal();
    await clock.advance(CHECK_MS * 2);
    expect(listOf(watcher)).toEqual(["ann=here"]);
    expect(listOf(member)).toEqual(["ann=here"]);
  });

  test("who left meanwhile has left when it is there again", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    nodes[0]!.link.cut();
    member.connection.onClosed(1006);
    await clock.advance(GRACE_MS + 1);
    expect(listOf(watcher)).toEqual(["ann=here"]);
    nodes[0]!.link.heal();
    await clock.advance(CHECK_MS * 2);
    expect(listOf(watcher)).toEqual([]);
  });

  test("PRE-5 who unsubscribes meanwhile has left too, although that could not be stored", async () => {
    const { nodes, clock } = await cluster();
    const watcher = await reader(nodes[1]!, "watcher");
    const member = await present(nodes[0]!, "ann", "here");
    nodes[0]!.link.cut();
    member.send({ type: "unsubscribe", id: "u", channel: ROOM });
    await clock.settle();
    expect(member.transport.ofType("error")).toMatchObject([{ code: "STORE_UNAVAILABLE", ref: "u" }]);
    nodes[0]!.link.heal();
    await clock.advance(CHECK_MS * 2);
    expect(listOf(watcher)).toEqual([]);
  });

  test("a reader that came when it was away gets the list when it is there again", async () => {
    const { nodes, clock } = await cluster();
    await present(nodes[0]!, "ann", "here");
    // The first read fails: the list of this node is not known yet.
    const late = await nodes[1]!.connect("late");
    late.send({ type: "subscribe", id: "s", channel: ROOM });
    nodes[1]!.link.failNext("readRoster");
    await clock.settle();
    expect(late.transport.ofType("subscribed")).toHaveLength(1);
    expect(eventsOf(late)).toEqual([]);
    await clock.advance(CHECK_MS);
    expect(eventsOf(late)).toEqual(["members ann=here"]);
  });
});
