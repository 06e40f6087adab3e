import { describe, expect, test } from "vitest";
import type { RosterEntry, RosterKey } from "../store.ts";
import { type ContractSubject, NOW_MS } from "./contract-fixture.ts";

const PRESENT: RosterKey = { tenant: "acme", kind: "presence", name: "chat:1" };
const LEASE = "node:a";

export function rosterContract(subject: ContractSubject): void {
  const entry = (id: string, value = "{}", lease = LEASE): RosterEntry => ({ id, lease, value });
  const enroll = (one: RosterEntry, maxEntries?: number, roster = PRESENT) =>
    subject.store.enroll({
      roster,
      entry: one,
      nowMs: NOW_MS,
      ...(maxEntries === undefined ? {} : { maxEntries }),
    });
  const read = (nowMs = NOW_MS, roster = PRESENT) => subject.store.readRoster(roster, nowMs);
  const idsOf = async (nowMs = NOW_MS, roster = PRESENT) =>
    (await read(nowMs, roster)).entries.map(({ id }) => id).sort();
  const hold = (lease: string, ttlMs = 10_000) => subject.store.acquireLease(lease, "x", ttlMs, NOW_MS, "{}");

  describe("roster", () => {
    test("that nobody is on is empty", async () => {
      expect((await read()).entries).toEqual([]);
    });

    test("holds what was put on it, each under its id", async () => {
      await hold(LEASE);
      await enroll(entry("s1", '{"state":1}'));
      await enroll(entry("s2"));
      await enroll(entry("s1", '{"state":2}'));
      const { entries } = await read();
      expect(entries).toHaveLength(2);
      expect(entries).toContainEqual(entry("s1", '{"state":2}'));
      expect(entries).toContainEqual(entry("s2"));
    });

    test("has another version after each change, and the same without one", async () => {
      await hold(LEASE);
      const seen = [(await enroll(entry("s1")))!, (await enroll(entry("s2")))!];
      expect((await read()).version).toBe(seen[1]);
      expect((await read()).version).toBe(seen[1]);
      seen.push((await subject.store.strike(PRESENT, entry("s1")))!);
      seen.push((await enroll(entry("s3")))!);
      expect(new Set(seen).size).toBe(4);
      expect(seen).toEqual([seen[0], seen[0]! + 1, seen[0]! + 2, seen[0]! + 3]);
    });

    test("does not come back with a version that it had before it was empty", async () => {
      await hold(LEASE);
      const before = await enroll(entry("s1"));
      await subject.store.strike(PRESENT, entry("s1"));
      const after = await enroll(entry("s2"));
      expect(after).toBeGreaterThan(before!);
    });

    test("gives up exactly the entry that is named", async () => {
      const { store } = subject;
      await hold(LEASE);
      await enroll(entry("s1", '"b"'));
      expect(await store.strike(PRESENT, entry("s1", '"a"'))).toBeUndefined();
      expect(await store.strike(PRESENT, entry("s1", '"b"', "node:other"))).toBeUndefined();
      expect(await store.strike(PRESENT, entry("s2", '"b"'))).toBeUndefined();
      expect(await idsOf()).toEqual(["s1"]);
      expect(await store.strike(PRESENT, entry("s1", '"b"'))).toBeDefined();
      expect(await idsOf()).toEqual([]);
    });

    test("does not count what stands under a lease that nobody holds or that has expired", async () => {
      await hold(LEASE, 1000);
      await enroll(entry("s1"));
      await enroll(entry("s2", "{}", "node:never"));
      expect(await idsOf(NOW_MS + 999)).toEqual(["s1"]);
      expect(await idsOf(NOW_MS + 1001)).toEqual([]);
      const { token } = (await subject.store.findLease(LEASE))!;
      await subject.store.renewLease(LEASE, token, 1000, NOW_MS + 1500);
      expect(await idsOf(NOW_MS + 2000)).toEqual(["s1"]);
    });

    test("takes no more than its places, but always the same one again", async () => {
      await hold(LEASE);
      expect(await enroll(entry("s1"), 2)).toBeDefined();
      expect(await enroll(entry("s2"), 2)).toBeDefined();
      expect(await enroll(entry("s3"), 2)).toBeUndefined();
      expect(await enroll(entry("s2", '"again"'), 2)).toBeDefined();
      expect(await idsOf()).toEqual(["s1", "s2"]);
    });

    test("gives its last place to one of many who ask at once", async () => {
      await hold(LEASE);
      const asked = await Promise.all(
        Array.from({ length: 10 }, (_, index) => enroll(entry(`s${index}`), 3)),
      );
      expect(asked.filter((version) => version !== undefined)).toHaveLength(3);
    });

    test("has the places of a dead node free again", async () => {
      await hold(LEASE, 1000);
      await enroll(entry("s1"), 1);
      await hold("node:b", 60_000);
      const later = {
        roster: PRESENT,
        entry: entry("s2", "{}", "node:b"),
        nowMs: NOW_MS + 1001,
        maxEntries: 1,
      };
      expect(await subject.store.enroll(later)).toBeDefined();
    });

    test("is one for each tenant, kind and name", async () => {
      await hold(LEASE);
      await enroll(entry("s1"));
      for (const other of [
        { ...PRESENT, tenant: "other" },
        { ...PRESENT, kind: "places" as const },
        { ...PRESENT, name: "chat:2" },
        { tenant: "acme:presence", kind: "presence" as const, name: "1" },
      ])
        expect(await idsOf(NOW_MS, other)).toEqual([]);
    });

    test("loses all that stands under a lease at once", async () => {
      const places: RosterKey = { tenant: "acme", kind: "places", name: "phone" };
      await hold(LEASE);
      await hold("node:b");
      await enroll(entry("s1"));
      await enroll(entry("s2", "{}", "node:b"));
      await enroll(entry("s3"), 5, places);
      await enroll(entry("s4", "{}", "node:b"), 5, { ...places, name: "tablet" });
      const changed = await subject.store.strikeLease(LEASE);
      expect(changed).toHaveLength(2);
      expect(changed).toContainEqual(PRESENT);
      expect(changed).toContainEqual(places);
      expect(await idsOf()).toEqual(["s2"]);
      expect(await idsOf(NOW_MS, places)).toEqual([]);
      expect(await subject.store.strikeLease(LEASE)).toEqual([]);
    });

    test("holds unusual names", async () => {
      const odd: RosterKey = { tenant: "日本", kind: "presence", name: "a\u0000:{b}'\"" };
      await hold(LEASE);
      await enroll(entry("s\u0000:1", '"é\u0000"'), undefined, odd);
      expect((await read(NOW_MS, odd)).entries).toEqual([entry("s\u0000:1", '"é\u0000"')]);
      expect(await subject.store.strikeLease(LEASE)).toEqual([odd]);
    });
  });
}
