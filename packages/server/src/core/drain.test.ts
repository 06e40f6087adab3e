import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SharedMemory } from "../stores/memory/memory-store.ts";
import { planDepartures } from "./drain.ts";
import { CoreFixture, type CoreFixtureOptions } from "./testing/core-fixture.ts";
import { seededRandom } from "./testing/seeded-random.ts";

describe("the plan", () => {
  test("2 % leave in each quarter of a second, spread within it, and get another quarter before they are closed", () => {
    const everybody = Array.from({ length: 1_000 }, (_, index) => index);
    const plan = planDepartures(everybody, 30_000, () => 0.5);
    expect(plan).toHaveLength(50);
    expect(plan[0]).toMatchObject({ closeInMs: 500, departures: { length: 20, 0: { leaveInMs: 125 } } });
    expect(plan[49]).toMatchObject({
      closeInMs: 12_750,
      departures: { length: 20, 19: { leaving: 999, leaveInMs: 12_375 } },
    });
  });

  test("few leave one by one, and all of them at once when there is no time", () => {
    expect(planDepartures(["a", "b", "c"], 30_000, () => 0)).toEqual([
      { departures: [{ leaving: "a", leaveInMs: 0 }], closeInMs: 500 },
      { departures: [{ leaving: "b", leaveInMs: 250 }], closeInMs: 750 },
      { departures: [{ leaving: "c", leaveInMs: 500 }], closeInMs: 1_000 },
    ]);
    expect(planDepartures(["a", "b", "c"], 0, () => 0.9)).toEqual([
      {
        departures: ["a", "b", "c"].map((leaving) => ({ leaving, leaveInMs: 0 })),
        closeInMs: 0,
      },
    ]);
  });

  test("whatever the time: everybody once, nobody closed before his moment, all gone within it, evenly", () => {
    const seed = fc.integer();
    fc.assert(
      fc.property(fc.nat(3_000), fc.nat(60_000), seed, (count, graceMs, randomSeed) => {
        const random = seededRandom(randomSeed);
        const everybody = Array.from({ length: count }, (_, index) => index);
        const plan = planDepartures(everybody, graceMs, () => random.fraction());
        const departures = plan.flatMap((batch) => batch.departures);
        expect(departures.map(({ leaving }) => leaving)).toEqual(everybody);
        const sizes = plan.map((batch) => batch.departures.length);
        expect(sizes.slice(0, -1).every((size) => size === sizes[0])).toBe(true);
        const isInTime = plan.every(({ closeInMs, departures: batch }) =>
          batch.every(({ leaveInMs }) => leaveInMs >= 0 && leaveInMs <= closeInMs && closeInMs <= graceMs),
        );
        expect(isInTime).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

async function sharedCore(clientCount: number, options: CoreFixtureOptions = {}) {
  const store = new SharedMemory(seededRandom(7)).open();
  const core = new CoreFixture({ ...options, store });
  await core.server.open();
  const clients = [];
  for (let index = 0; index < clientCount; index += 1) clients.push(await core.connect(`c${index}`));
  return { core, clients };
}

describe("where other nodes can take them", () => {
  test("DRN-1 all are told a moment of their own, and closed with 1012 batch by batch", async () => {
    const { core, clients } = await sharedCore(100);
    const closing = core.server.close(30_000, "SERVER_RESTARTING");
    await core.clock.settle();
    const asked = clients.map(({ transport }) => transport.ofType("reconnect"));
    expect(asked.every((messages) => messages.length === 1 && messages[0]!["reason"] === "restarting")).toBe(
      true,
    );
    const moments = asked.map(([message]) => Number(message!["in_ms"]));
    expect(new Set(moments).size).toBeGreaterThan(90);
    const closedCount = () => clients.filter(({ transport }) => transport.closed?.code === 1012).length;
    expect(closedCount()).toBe(0);
    for (let interval = 1; interval <= 51; interval += 1) {
      await core.clock.advance(250);
      expect(closedCount(), `${interval * 250} ms`).toBe(Math.max(0, interval - 1) * 2);
    }
    await core.clock.advance(10);
    await closing;
    for (const [index, { transport }] of clients.entries()) {
      expect(transport.ofType("reconnect")).toHaveLength(1);
      expect(moments[index]).toBeLessThan(12_500);
    }
  });

  test("who has left is not waited for", async () => {
    const { core, clients } = await sharedCore(20);
    const closing = core.server.close(30_000, "SERVER_GOING_AWAY");
    await core.clock.settle();
    for (const { connection } of clients) connection.onClosed(1000);
    await core.clock.advance(600);
    await closing;
    expect(clients.every(({ transport }) => transport.closed === undefined)).toBe(true);
  });

  test("who was not welcomed yet is told so and closed at the end", async () => {
    const { core } = await sharedCore(0);
    const admitted = await core.server.admit({ credential: {}, clientId: "late", sessionId: undefined });
    const closing = core.server.close(1_000, "SERVER_RESTARTING");
    const late = await core.connectAdmitted(admitted);
    await core.clock.advance(1_100);
    await closing;
    expect(late.transport.messages.map((message) => message["type"])).toEqual(["welcome", "reconnect"]);
    expect(late.transport.ofType("reconnect")[0]).toMatchObject({ in_ms: 0 });
    expect(late.transport.closed?.code).toBe(1012);
  });

  test("DRN-4 an execution goes on while they leave, also one that should stop when nobody watches it", async () => {
    const finish = Promise.withResolvers<void>();
    const { core, clients } = await sharedCore(1, {
      handlers: {
        async *wait() {
          await finish.promise;
          yield "done";
        },
      },
    });
    const [watcher] = clients;
    const execute = { type: "execute", id: "e", handler: "wait", channel: "chat:1", input: null };
    watcher!.send({ ...execute, on_unwatched: "cancel" });
    await core.clock.settle();
    const closing = core.server.close(30_000, "SERVER_RESTARTING");
    await core.clock.advance(600);
    expect(watcher!.transport.closed?.code).toBe(1012);
    expect(core.server.executions.runningCount).toBe(1);
    finish.resolve();
    await core.clock.advance(10);
    await closing;
    const read = await core.store.read({
      key: { tenant: "default", channel: "chat:1" },
      afterSeq: 0,
      maxRecords: 100,
      maxBytes: 1e6,
    });
    expect(read?.records.at(-1)?.type).toBe("execution_completed");
  });
});

test("with one owner nobody leaves before the executions have ended, and then all at once", async () => {
  const finish = Promise.withResolvers<void>();
  const core = new CoreFixture({
    handlers: {
      async *wait() {
        await finish.promise;
        yield "done";
      },
    },
  });
  const clients = [await core.connect("a"), await core.connect("b")];
  for (const client of clients) client.send({ type: "subscribe", channel: "chat:1" });
  clients[0]!.send({ type: "execute", id: "e", handler: "wait", channel: "chat:1", input: null });
  await core.clock.settle();
  const closing = core.server.close(30_000, "SERVER_RESTARTING");
  await core.clock.advance(5_000);
  expect(clients.map(({ transport }) => transport.ofType("reconnect").length)).toEqual([0, 0]);
  finish.resolve();
  await core.clock.advance(10);
  await closing;
  for (const { transport } of clients) {
    const types = transport.messages.map((message) => message["type"]);
    expect(types.slice(-2)).toEqual(["execution_completed", "reconnect"]);
    expect(transport.closed?.code).toBe(1012);
  }
});
