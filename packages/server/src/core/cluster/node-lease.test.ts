import { describe, expect, test } from "vitest";
import { createMemoryStore, SharedMemory } from "../../stores/memory/memory-store.ts";
import type { RosterKey, Store } from "../../stores/store.ts";
import { ClusterFixture, type ClusterNode } from "../testing/cluster-fixture.ts";
import { CoreFixture } from "../testing/core-fixture.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { NodeClock } from "../testing/node-clock.ts";
import { NodeLink } from "../testing/node-link.ts";
import { seededRandom } from "../testing/seeded-random.ts";
import { leaseOf, NodeLease } from "./node-lease.ts";

const TTL_MS = 15_000;
const BEAT_MS = TTL_MS / 3;
const PRESENT: RosterKey = { tenant: "acme", kind: "presence", name: "room:1" };

function leaseName(node: ClusterNode): string {
  return leaseOf(node.server.nodeId);
}

function leaseOn(store: Store, clock: FakeClock, nodeId: string, leaseTtlMs = TTL_MS) {
  const struck: string[] = [];
  let rejoinedCount = 0;
  const lease = new NodeLease({
    store,
    clock,
    random: seededRandom(3),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    nodeId,
    leaseTtlMs,
    onRejoined: () => {
      rejoinedCount += 1;
    },
    onStruck: (rosters) => struck.push(...rosters.map(({ name }) => name)),
  });
  return { lease, struck, rejoinedCount: () => rejoinedCount };
}

describe("a node's lease", () => {
  test("is there before anybody is let in, goes on as long as the node does, and is given up with it", async () => {
    const cluster = new ClusterFixture({ nodeCount: 1 });
    const [node] = cluster.nodes;
    await cluster.open();
    const first = cluster.memory.leases.find(leaseName(node!));
    expect(first).toMatchObject({ owner: node!.server.nodeId });
    await cluster.clock.advance(TTL_MS * 5);
    const later = cluster.memory.leases.find(leaseName(node!));
    expect(later?.token).toBe(first?.token);
    expect(later?.expiresAtMs).toBeGreaterThan(cluster.clock.nowMs() + TTL_MS / 2);
    const closing = node!.server.close(0, "SERVER_RESTARTING");
    await cluster.clock.advance(100);
    await closing;
    expect(cluster.memory.leases.find(leaseName(node!))).toBeUndefined();
    expect(cluster.clock.pendingTimerCount).toBe(0);
  });

  test("a server does not open without it", async () => {
    const cluster = new ClusterFixture({ nodeCount: 1 });
    cluster.node(0).link.failNext("acquireLease");
    await expect(cluster.open()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
  });

  test("that was taken over meanwhile is taken again, and what stood under it put back", async () => {
    const clock = new FakeClock();
    const store = createMemoryStore({ random: seededRandom(1) });
    const { lease, rejoinedCount } = leaseOn(store, clock, "a");
    await lease.open();
    expect(lease.isHeld).toBe(true);
    // Another found it expired, by a clock that is ahead, and is still striking.
    const taken = await store.acquireLease("node:a", "b", 60_000, clock.nowMs() + TTL_MS, "{}");
    await clock.advance(BEAT_MS + 2_500);
    expect([lease.isHeld, rejoinedCount()]).toEqual([false, 0]);
    await store.releaseLease("node:a", taken!.token);
    await clock.advance(1_000);
    expect([lease.isHeld, rejoinedCount()]).toEqual([true, 1]);
    await lease.close(0);
  });

  test("asks for whole milliseconds, which is all that some stores keep", async () => {
    const clock = new FakeClock();
    const store = createMemoryStore({ random: seededRandom(1) });
    const acquireLease = store.acquireLease.bind(store);
    const asked: number[] = [];
    store.acquireLease = (name, owner, ttlMs, nowMs, body) => {
      asked.push(ttlMs);
      return acquireLease(name, owner, ttlMs, nowMs, body);
    };
    await acquireLease("node:dead", "dead", 1, clock.nowMs(), "{}");
    await clock.advance(2);
    const { lease } = leaseOn(store, clock, "a", 2_000);
    await lease.open();
    await lease.close(0);
    expect(asked).toHaveLength(2);
    expect(asked.filter((ttlMs) => !Number.isInteger(ttlMs))).toEqual([]);
  });

  test("that could not be renewed in time is not relied on, and made sure of when it is", async () => {
    const clock = new FakeClock();
    const link = new NodeLink(createMemoryStore({ random: seededRandom(1) }), new NodeClock(clock));
    const { lease, rejoinedCount } = leaseOn(link.store, clock, "a");
    await lease.open();
    link.silence();
    await clock.advance(TTL_MS - 1);
    expect(lease.isHeld).toBe(true);
    await clock.advance(1);
    expect(lease.isHeld).toBe(false);
    link.heal();
    await clock.advance(BEAT_MS);
    expect([lease.isHeld, rejoinedCount()]).toEqual([true, 1]);
    await clock.advance(TTL_MS * 3);
    expect(rejoinedCount()).toBe(1);
    await lease.close(0);
  });

  test("one renewal that fails changes nothing", async () => {
    const clock = new FakeClock();
    const link = new NodeLink(createMemoryStore({ random: seededRandom(1) }), new NodeClock(clock));
    const { lease, rejoinedCount } = leaseOn(link.store, clock, "a");
    await lease.open();
    link.failNext("renewLease");
    await clock.advance(TTL_MS * 3);
    expect([lease.isHeld, rejoinedCount()]).toEqual([true, 0]);
    await lease.close(0);
  });

  test("whose taking was answered by nobody is found to be its own", async () => {
    const clock = new FakeClock();
    const link = new NodeLink(createMemoryStore({ random: seededRandom(1) }), new NodeClock(clock));
    const { lease } = leaseOn(link.store, clock, "a");
    await lease.open();
    const { token } = (await link.store.findLease("node:a"))!;
    await link.store.releaseLease("node:a", token);
    link.loseAnswer("acquireLease");
    await clock.advance(BEAT_MS * 3);
    expect(lease.isHeld).toBe(true);
    await lease.close(0);
    expect(await link.store.findLease("node:a")).toBeUndefined();
  });
});

describe("a dead node", () => {
  test("is struck by one of the others, which are told by the rosters that changed", async () => {
    const clock = new FakeClock();
    const memory = new SharedMemory(seededRandom(1));
    const store = memory.open();
    const survivors = ["b", "c"].map((nodeId) => leaseOn(memory.open(), clock, nodeId));
    for (const { lease } of survivors) await lease.open();
    await store.acquireLease("node:a", "a", TTL_MS, clock.nowMs(), "{}");
    const entry = { id: "s1", lease: "node:a", value: "{}" };
    await store.enroll({ roster: PRESENT, entry, nowMs: clock.nowMs() });
    await clock.advance(TTL_MS - 1);
    expect((await store.readRoster(PRESENT, clock.nowMs())).entries).toEqual([entry]);
    await clock.advance(BEAT_MS * 2);
    expect(survivors.flatMap(({ struck }) => struck)).toEqual(["room:1"]);
    expect(await store.findLease("node:a")).toBeUndefined();
    // Nothing is left that would count if the name were held again.
    await store.acquireLease("node:a", "x", TTL_MS, clock.nowMs(), "{}");
    expect((await store.readRoster(PRESENT, clock.nowMs())).entries).toEqual([]);
  });

  test("is struck for whole milliseconds, whatever a third of its time is", async () => {
    const clock = new FakeClock();
    const memory = new SharedMemory(seededRandom(1));
    await memory.open().acquireLease("node:a", "a", 10, clock.nowMs(), "{}");
    const { lease } = leaseOn(memory.open(), clock, "b", 2_000);
    const seen: (number | undefined)[] = [];
    const acquire = memory.leases.acquire.bind(memory.leases);
    memory.leases.acquire = (...args) => {
      const acquired = acquire(...args);
      seen.push(acquired?.expiresAtMs);
      return acquired;
    };
    await clock.advance(10);
    await lease.open();
    expect(seen).toHaveLength(2);
    expect(seen.every(Number.isInteger)).toBe(true);
    await lease.close(0);
  });

  test("a striker that dies in the middle is made up for", async () => {
    const cluster = new ClusterFixture({ nodeCount: 3 });
    await cluster.open();
    const [dead, first, second] = cluster.nodes;
    await cluster.node(0).connect("ann");
    const places = { tenant: "default", kind: "places", name: "ann" } as const;
    dead!.kill();
    await cluster.clock.advance(TTL_MS);
    // It takes the lease, and is gone before it strikes.
    first!.link.silence();
    await cluster.memory.leases.acquire(leaseName(dead!), "first", BEAT_MS, cluster.clock.nowMs(), "{}");
    first!.kill();
    await cluster.clock.advance(TTL_MS + BEAT_MS * 3);
    expect(cluster.memory.leases.find(leaseName(dead!))).toBeUndefined();
    expect(cluster.memory.leases.find(leaseName(first!))).toBeUndefined();
    expect(cluster.memory.leases.find(leaseName(second!))).toBeDefined();
    expect(cluster.memory.rosters.read(places, cluster.clock.nowMs()).entries).toEqual([]);
  });

  test("of a store with one owner leaves nothing to the next process, however fresh its lease is", async () => {
    const core = new CoreFixture();
    await core.connect("ann");
    const next = new CoreFixture({ store: core.store, clock: core.clock, seed: 2 });
    await next.server.open();
    expect(await core.store.findLease(leaseOf(core.server.nodeId))).toBeUndefined();
    const places = { tenant: "default", kind: "places", name: "ann" } as const;
    expect((await core.store.readRoster(places, core.clock.nowMs())).entries).toEqual([]);
  });
});
