/** How many connections a client may have, on one node and on several. */
import { describe, expect, test } from "vitest";
import { ClusterFixture, type ClusterNode } from "../testing/cluster-fixture.ts";
import { type ConnectedClient, CoreFixture } from "../testing/core-fixture.ts";

const MAX = 5;
const LEASE_TTL_MS = 15_000;
const TOO_MANY = { code: "TOO_MANY_CONNECTIONS", message: `Maximum ${MAX} connections per client` };

async function cluster(nodeCount = 3): Promise<ClusterFixture> {
  const fixture = new ClusterFixture({ nodeCount });
  await fixture.open();
  return fixture;
}

function knock(node: ClusterNode, sessionId?: string) {
  return node.server.admit({ credential: {}, clientId: "ann", sessionId });
}

function placesOf({ memory, clock }: ClusterFixture): string[] {
  const roster = { tenant: "default", kind: "places", name: "ann" } as const;
  return memory.rosters.read(roster, clock.nowMs()).entries.map(({ id }) => id);
}

async function fill(nodes: readonly ClusterNode[]): Promise<ConnectedClient[]> {
  const clients = [];
  for (let index = 0; index < MAX; index += 1)
    clients.push(await nodes[index % nodes.length]!.connect("ann"));
  return clients;
}

describe("CON-6 on several nodes", () => {
  test("of 20 racing upgrades exactly as many come in as allowed, and as many again when they have left", async () => {
    const fixture = await cluster();
    for (let round = 0; round < 3; round += 1) {
      const racing = Array.from({ length: 20 }, (_, index) => knock(fixture.node(index % 3)));
      const settled = await Promise.allSettled(racing);
      const admitted = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
      const refused = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
      expect(admitted).toHaveLength(MAX);
      expect(refused).toHaveLength(20 - MAX);
      for (const reason of refused) expect(reason).toMatchObject(TOO_MANY);
      for (const { reservation } of admitted) {
        reservation.release();
        reservation.release();
      }
      await fixture.clock.settle();
      expect(placesOf(fixture)).toEqual([]);
    }
  });

  test("a place costs one call when it is taken and one when it is given back", async () => {
    const fixture = await cluster(1);
    const { link } = fixture.node(0);
    const client = await fixture.node(0).connect("ann");
    expect([link.callCount("enroll"), link.callCount("readRoster")]).toEqual([1, 0]);
    client.connection.onClosed(1000);
    await fixture.clock.settle();
    expect([link.callCount("enroll"), link.callCount("strike")]).toEqual([1, 1]);
  });

  test("other clients have places of their own", async () => {
    const fixture = await cluster();
    await fill(fixture.nodes);
    await expect(knock(fixture.node(0))).rejects.toMatchObject(TOO_MANY);
    await fixture.node(0).connect("bob");
  });

  test("a session that goes on on another node takes its place with it", async () => {
    const fixture = await cluster();
    const [first] = await fill(fixture.nodes);
    const sessionId = first!.connection.session.id;
    const moved = await fixture.node(1).connect("ann", sessionId);
    await fixture.clock.advance(1_000);
    expect(first!.transport.closed?.code).toBe(4409);
    expect(moved.transport.closed).toBeUndefined();
    expect(placesOf(fixture)).toHaveLength(MAX);
    await expect(knock(fixture.node(2))).rejects.toMatchObject(TOO_MANY);
    moved.connection.onClosed(1006);
    await fixture.clock.settle();
    expect(placesOf(fixture)).toHaveLength(MAX - 1);
  });

  test("also when its node has just died, while the places of the others wait for the end of its lease", async () => {
    const fixture = await cluster();
    const clients = await fill(fixture.nodes);
    fixture.node(0).kill();
    await fixture.clock.advance(1_000);
    await fixture.node(1).connect("ann", clients[0]!.connection.session.id);
    await expect(knock(fixture.node(1))).rejects.toMatchObject(TOO_MANY);
    await fixture.clock.advance(LEASE_TTL_MS * 2);
    // Two were on the dead node, and one of them has moved.
    await fixture.node(1).connect("ann");
    await expect(knock(fixture.node(2))).rejects.toMatchObject(TOO_MANY);
  });

  test("a resumption that is given up leaves the connection that is there its place, here and elsewhere", async () => {
    const fixture = await cluster();
    const clients = await fill(fixture.nodes);
    const sessionId = clients[0]!.connection.session.id;
    for (const node of [fixture.node(0), fixture.node(1)]) {
      const { reservation } = await knock(node, sessionId);
      reservation.release();
      await fixture.clock.settle();
    }
    // On another node it is found by the round that looks at all of them.
    for (let passedMs = 0; passedMs < 65_000; passedMs += 1_000) {
      await fixture.clock.advance(1_000);
      for (const { connection, transport } of clients)
        for (const ping of transport.pings.splice(0)) connection.onPong(ping);
    }
    expect(clients.every(({ transport }) => transport.closed === undefined)).toBe(true);
    expect(placesOf(fixture)).toHaveLength(MAX);
    await expect(knock(fixture.node(2))).rejects.toMatchObject(TOO_MANY);
  });

  test("a node that was paused gets the places of its connections back", async () => {
    const fixture = await cluster(2);
    await fixture.node(0).connect("ann");
    fixture.node(0).pause();
    await fixture.clock.advance(LEASE_TTL_MS + 10_000);
    expect(placesOf(fixture)).toHaveLength(0);
    fixture.node(0).resume();
    await fixture.clock.advance(1_000);
    expect(placesOf(fixture)).toHaveLength(1);
  });

  test("a store that does not answer refuses, and no place stays taken for it", async () => {
    const fixture = await cluster(1);
    const { link } = fixture.node(0);
    link.loseAnswer("enroll");
    await expect(knock(fixture.node(0))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await fixture.clock.settle();
    expect(placesOf(fixture)).toEqual([]);
    link.loseAnswer("enroll");
    link.failNext("strike");
    await expect(knock(fixture.node(0))).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await fixture.clock.advance(5_000);
    expect(placesOf(fixture)).toEqual([]);
    await fill(fixture.nodes);
  });

  test("a server that begins to stop while the store is asked gives the place back", async () => {
    const fixture = await cluster(2);
    const knocking = knock(fixture.node(0));
    const closing = fixture.node(0).server.close(0, "SERVER_RESTARTING");
    await expect(knocking).rejects.toMatchObject({ code: "SERVER_NOT_READY" });
    await fixture.clock.advance(100);
    await closing;
    expect(placesOf(fixture)).toEqual([]);
  });
});

describe("CON-6 on one node", () => {
  test("of 20 racing upgrades exactly as many come in as allowed", async () => {
    const core = new CoreFixture();
    await core.server.open();
    const racing = Array.from({ length: 20 }, () =>
      core.server.admit({ credential: {}, clientId: "ann", sessionId: undefined }),
    );
    const settled = await Promise.allSettled(racing);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(MAX);
  });

  test("a connection that replaces one of its session needs no place of its own", async () => {
    const core = new CoreFixture();
    const clients = [];
    for (let index = 0; index < MAX; index += 1) clients.push(await core.connect("ann"));
    const again = await core.connect("ann", clients[0]!.connection.session.id);
    expect(again.connection.isOpen).toBe(true);
    expect(clients[0]!.transport.closed?.code).toBe(4409);
    await expect(core.connect("ann")).rejects.toMatchObject(TOO_MANY);
  });

  test("only so many may knock for one session at once", async () => {
    const core = new CoreFixture();
    const first = await core.connect("ann");
    const sessionId = first.connection.session.id;
    const racing = Array.from({ length: 20 }, () =>
      core.server.admit({ credential: {}, clientId: "ann", sessionId }),
    );
    const settled = await Promise.allSettled(racing);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(MAX);
  });
});
