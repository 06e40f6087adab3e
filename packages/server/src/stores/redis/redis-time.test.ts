/** The clock of a node may be wrong by years. What nodes share goes by the clock of Redis. */
import { expect, test } from "vitest";
import type { Clock } from "../../core/ports.ts";
import { systemClock } from "../../platform/system-clock.ts";
import { append, bodiesOf, CHAT, KEEP_ALL } from "../contract/contract-fixture.ts";
import { describeWithRedis } from "./testing/describe-with-redis.ts";
import { redisTestBed } from "./testing/redis-test-bed.ts";

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365 * 24 * HOUR_MS;
const DEADLINE_MS = 5_000;
const RETENTION = { ...KEEP_ALL, maxAgeMs: HOUR_MS };

describeWithRedis("nodes whose clocks differ", () => {
  const bed = redisTestBed();

  async function nodes(offsetsMs: readonly number[]) {
    const server = await bed.startServer();
    return Promise.all(
      offsetsMs.map(async (offsetMs) => {
        const clock: Clock = { ...systemClock, nowMs: () => Date.now() + offsetMs };
        const { store } = await bed.open(server.url, { time: "server", clock });
        return { store, nowMs: () => clock.nowMs() };
      }),
    );
  }

  test.each([TEN_YEARS_MS, -TEN_YEARS_MS])(
    "by %d ms agree on who has a lease and for how long",
    async (offsetMs) => {
      const [right, wrong] = await nodes([0, offsetMs]);
      const lease = (await right!.store.acquireLease("node:a", "a", HOUR_MS, right!.nowMs(), "{}"))!;
      expect(await wrong!.store.acquireLease("node:a", "b", HOUR_MS, wrong!.nowMs(), "{}")).toBeUndefined();
      expect(await wrong!.store.expiredLeases("node:", wrong!.nowMs(), 10)).toEqual([]);
      const found = (await wrong!.store.findLease("node:a"))!;
      expect(found.token).toBe(lease.token);
      expect(Math.abs(found.expiresAtMs - wrong!.nowMs() - HOUR_MS)).toBeLessThan(DEADLINE_MS);

      // The wrong one may be the owner too, and keeps what it has.
      expect(await wrong!.store.renewLease("node:a", lease.token, HOUR_MS, wrong!.nowMs())).toBe(true);
      expect(await right!.store.acquireLease("node:a", "c", HOUR_MS, right!.nowMs(), "{}")).toBeUndefined();
      const roster = { tenant: "acme", kind: "places", name: "phone" } as const;
      await wrong!.store.enroll({
        roster,
        entry: { id: "s1", lease: "node:a", value: "{}" },
        nowMs: wrong!.nowMs(),
      });
      for (const { store, nowMs } of [right!, wrong!])
        expect((await store.readRoster(roster, nowMs())).entries).toHaveLength(1);
    },
  );

  test("by years trim and sweep nothing of each other before its time", async () => {
    const [right, wrong] = await nodes([0, TEN_YEARS_MS]);
    const { timeMs } = await append(right!.store, ["1"], {
      nowMs: right!.nowMs(),
      retention: RETENTION,
      idempotencyKey: "k",
    });
    expect(Math.abs(timeMs - Date.now())).toBeLessThan(DEADLINE_MS);
    await append(wrong!.store, ["2"], { nowMs: wrong!.nowMs(), retention: RETENTION });
    await right!.store.openLog({ tenant: "acme", channel: "empty" }, right!.nowMs());
    const session = {
      tenant: "acme",
      sessionId: "s1",
      subject: "ada",
      clientId: "phone",
      createdAtMs: right!.nowMs(),
      expiresAtMs: right!.nowMs() + HOUR_MS,
      positions: {},
      holder: 1,
      nodeId: "a",
      revision: 1,
    };
    await right!.store.saveSession(session);
    await wrong!.store.saveSession({ ...session, sessionId: "s2", expiresAtMs: wrong!.nowMs() + HOUR_MS });
    const receiptKey = { tenant: "acme", clientId: "phone", commandId: "c1" };
    const receipt = { status: "applied", executionId: "e1", channel: "chat:1" } as const;
    await right!.store.claimReceipt(receiptKey, receipt, right!.nowMs() + HOUR_MS);

    const sweep = { nowMs: wrong!.nowMs(), idleLogMs: HOUR_MS, idempotencyMs: HOUR_MS };
    expect(await wrong!.store.sweep(sweep)).toEqual({ hasMore: false });
    expect(await bodiesOf(right!.store)).toEqual(["1", "2"]);
    expect(await append(right!.store, ["1"], { idempotencyKey: "k" })).toMatchObject({ isDuplicate: true });
    expect(await right!.store.logState({ tenant: "acme", channel: "empty" })).toBeDefined();
    const other = { ...receipt, executionId: "e2" };
    expect(await wrong!.store.claimReceipt(receiptKey, other, wrong!.nowMs() + HOUR_MS)).toEqual(receipt);

    // Each sees the end of a session on its own clock.
    for (const { store, nowMs } of [right!, wrong!]) {
      for (const sessionId of ["s1", "s2"]) {
        const { expiresAtMs } = (await store.loadSession("acme", sessionId))!;
        expect(Math.abs(expiresAtMs - nowMs() - HOUR_MS)).toBeLessThan(DEADLINE_MS);
      }
    }
    const claimed = (await wrong!.store.claimSession("acme", "s1", "b"))!;
    expect(Math.abs(claimed.session.expiresAtMs - wrong!.nowMs() - HOUR_MS)).toBeLessThan(DEADLINE_MS);
  });

  test("see time pass all the same", async () => {
    const [right, wrong] = await nodes([0, -TEN_YEARS_MS]);
    await right!.store.acquireLease("node:a", "a", 60, right!.nowMs(), "{}");
    await append(right!.store, ["1"], { nowMs: right!.nowMs(), retention: { ...KEEP_ALL, maxAgeMs: 60 } });
    const startedAtMs = performance.now();
    const isLate = () => performance.now() - startedAtMs > DEADLINE_MS;
    while ((await wrong!.store.expiredLeases("", wrong!.nowMs(), 10)).length === 0)
      expect(isLate()).toBe(false);
    const [expired] = await wrong!.store.expiredLeases("", wrong!.nowMs(), 10);
    expect(expired!.expiresAtMs).toBeLessThanOrEqual(wrong!.nowMs());
    expect(await wrong!.store.acquireLease("node:a", "b", HOUR_MS, wrong!.nowMs(), "{}")).toBeDefined();
    while ((await bodiesOf(right!.store)).length > 0) {
      expect(isLate()).toBe(false);
      await wrong!.store.sweep({ nowMs: wrong!.nowMs(), idleLogMs: HOUR_MS, idempotencyMs: HOUR_MS });
    }
    const { base, head } = (await right!.store.logState(CHAT))!;
    expect(base).toEqual(head);
  });
});
