import { describe, expect, test } from "vitest";
import { append, bodiesOf, type ContractSubject, NOW_MS } from "./contract-fixture.ts";

export function leaseContract(subject: ContractSubject): void {
  const acquire = (name: string, owner: string, nowMs = NOW_MS, ttlMs = 1000) =>
    subject.store.acquireLease(name, owner, ttlMs, nowMs, `{"owner":"${owner}"}`);

  describe("lease", () => {
    test("goes to the first who asks and to nobody else while it lasts", async () => {
      const lease = await acquire("execution:1", "node-a");
      expect(lease).toEqual({
        name: "execution:1",
        owner: "node-a",
        token: expect.any(Number),
        expiresAtMs: NOW_MS + 1000,
        body: '{"owner":"node-a"}',
      });
      expect(await acquire("execution:1", "node-b", NOW_MS + 999)).toBeUndefined();
      expect(await acquire("execution:1", "node-a", NOW_MS + 999)).toBeUndefined();
      expect(await acquire("execution:2", "node-b")).toMatchObject({ owner: "node-b" });
    });

    test("asked for by many at once goes to one", async () => {
      const leases = await Promise.all(
        Array.from({ length: 20 }, (_, index) => acquire("execution:1", `node-${index}`)),
      );
      expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
      expect(leases[0]).toMatchObject({ owner: "node-0" });
    });

    test("can be taken over once it has expired, with a greater token", async () => {
      const first = (await acquire("execution:1", "node-a"))!;
      const second = (await acquire("execution:1", "node-b", NOW_MS + 1001))!;
      expect(second).toMatchObject({
        owner: "node-b",
        body: '{"owner":"node-b"}',
        expiresAtMs: NOW_MS + 2001,
      });
      expect(second.token).toBeGreaterThan(first.token);
    });

    test("that is renewed lasts longer", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      expect(await subject.store.renewLease("execution:1", token, 1000, NOW_MS + 900)).toBe(true);
      expect(await acquire("execution:1", "node-b", NOW_MS + 1500)).toBeUndefined();
      expect(await acquire("execution:1", "node-b", NOW_MS + 1901)).toBeDefined();
    });

    test("is renewed by nobody but its owner", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      expect(await subject.store.renewLease("execution:1", token + 1, 1000, NOW_MS)).toBe(false);
      expect(await subject.store.renewLease("execution:2", token, 1000, NOW_MS)).toBe(false);
      await acquire("execution:1", "node-b", NOW_MS + 1001);
      expect(await subject.store.renewLease("execution:1", token, 1000, NOW_MS + 1002)).toBe(false);
    });

    test("that has expired and was not taken over can still be renewed", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      expect(await subject.store.renewLease("execution:1", token, 1000, NOW_MS + 5000)).toBe(true);
      expect(await acquire("execution:1", "node-b", NOW_MS + 5500)).toBeUndefined();
    });

    test("that was given up is free at once, and its next token is still greater", async () => {
      const { store } = subject;
      let lastToken = 0;
      for (let round = 0; round < 5; round++) {
        const { token } = (await acquire("execution:1", "node-a"))!;
        expect(token).toBeGreaterThan(lastToken);
        lastToken = token;
        await store.releaseLease("execution:1", token);
        expect(await store.renewLease("execution:1", token, 1000, NOW_MS)).toBe(false);
      }
    });

    test("is found while it is held, expired or not", async () => {
      const { store } = subject;
      expect(await store.findLease("execution:1")).toBeUndefined();
      const lease = (await acquire("execution:1", "node-a"))!;
      expect(await store.findLease("execution:1")).toEqual(lease);
      await store.renewLease("execution:1", lease.token, 1000, NOW_MS + 900);
      expect(await store.findLease("execution:1")).toEqual({ ...lease, expiresAtMs: NOW_MS + 1900 });
      await store.releaseLease("execution:1", lease.token);
      expect(await store.findLease("execution:1")).toBeUndefined();
    });

    test("is not given up by a stale token", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      const second = (await acquire("execution:1", "node-b", NOW_MS + 1001))!;
      await subject.store.releaseLease("execution:1", token);
      expect(await subject.store.renewLease("execution:1", second.token, 1000, NOW_MS + 1002)).toBe(true);
    });
  });

  describe("expiredLeases", () => {
    const namesOf = async (prefix: string, nowMs: number, limit = 100) =>
      (await subject.store.expiredLeases(prefix, nowMs, limit)).map(({ name }) => name).sort();

    test("finds what has expired under a prefix, with what its owner left", async () => {
      const lease = await acquire("execution:1", "node-a");
      await acquire("execution:2", "node-a", NOW_MS, 5000);
      await acquire("inbox:1", "node-a");
      expect(await namesOf("execution:", NOW_MS + 999)).toEqual([]);
      expect(await subject.store.expiredLeases("execution:", NOW_MS + 1001, 100)).toEqual([lease]);
      expect(await namesOf("execution:", NOW_MS + 6000)).toEqual(["execution:1", "execution:2"]);
      expect(await namesOf("", NOW_MS + 1001)).toEqual(["execution:1", "inbox:1"]);
    });

    test("finds no more than the limit, and the rest after those are gone", async () => {
      const { store } = subject;
      for (let index = 0; index < 10; index++) await acquire(`execution:${index}`, "node-a");
      const found = await store.expiredLeases("execution:", NOW_MS + 2000, 4);
      expect(found).toHaveLength(4);
      for (const { name, token } of found) await store.releaseLease(name, token);
      expect(await namesOf("execution:", NOW_MS + 2000)).toHaveLength(6);
    });

    test("takes the prefix literally", async () => {
      for (const name of ["a%b", "a_b", "a*b", "axb", "A%b", "é\u0000x", "日本"])
        await acquire(name, "node-a");
      const nowMs = NOW_MS + 2000;
      expect(await namesOf("a%", nowMs)).toEqual(["a%b"]);
      expect(await namesOf("a_", nowMs)).toEqual(["a_b"]);
      expect(await namesOf("a*", nowMs)).toEqual(["a*b"]);
      expect(await namesOf("a", nowMs)).toEqual(["a%b", "a*b", "a_b", "axb"]);
      expect(await namesOf("é\u0000", nowMs)).toEqual(["é\u0000x"]);
      expect(await namesOf("日", nowMs)).toEqual(["日本"]);
    });
  });

  describe("fence", () => {
    test("lets the owner append, also after a renewal and after it has expired with nobody else there", async () => {
      const { store } = subject;
      const { token } = (await acquire("execution:1", "node-a"))!;
      const fence = { lease: "execution:1", token };
      await append(store, ["1"], { fence });
      await store.renewLease("execution:1", token, 1000, NOW_MS + 500);
      await append(store, ["2"], { fence, nowMs: NOW_MS + 9000 });
      expect(await bodiesOf(store)).toEqual(["1", "2"]);
    });

    test("refuses a former owner after a takeover, and leaves the log as it was", async () => {
      const { store } = subject;
      const first = (await acquire("execution:1", "node-a"))!;
      await append(store, ["1"], { fence: { lease: "execution:1", token: first.token } });
      const second = (await acquire("execution:1", "node-b", NOW_MS + 1001))!;
      const state = await store.logState({ tenant: "acme", channel: "chat:1" });
      await expect(
        append(store, ["2"], { fence: { lease: "execution:1", token: first.token } }),
      ).rejects.toMatchObject({
        code: "FENCED",
        message: expect.stringContaining(`token ${first.token}`),
      });
      expect(await store.logState({ tenant: "acme", channel: "chat:1" })).toEqual(state);
      await append(store, ["3"], { fence: { lease: "execution:1", token: second.token } });
      expect(await bodiesOf(store)).toEqual(["1", "3"]);
    });

    test("refuses where the lease was given up or never was, and makes no log", async () => {
      const { store } = subject;
      const { token } = (await acquire("execution:1", "node-a"))!;
      await store.releaseLease("execution:1", token);
      for (const lease of ["execution:1", "execution:2"]) {
        await expect(append(store, ["1"], { fence: { lease, token } })).rejects.toMatchObject({
          code: "FENCED",
        });
      }
      expect(await store.logState({ tenant: "acme", channel: "chat:1" })).toBeUndefined();
    });

    test("fails its own append and none of those that were called with it", async () => {
      const { store } = subject;
      const { token } = (await acquire("execution:1", "node-a"))!;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 12 }, (_, index) =>
          append(store, [`${index}`], {
            fence: { lease: "execution:1", token: index % 3 === 0 ? token + 1 : token },
          }),
        ),
      );
      expect(outcomes.map(({ status }) => status === "fulfilled")).toEqual(
        outcomes.map((_, index) => index % 3 !== 0),
      );
      expect(await bodiesOf(store)).toEqual(["1", "2", "4", "5", "7", "8", "10", "11"]);
    });

    test("is decided in the order of the calls, when a takeover is called between two appends", async () => {
      const { store } = subject;
      const { token } = (await acquire("execution:1", "node-a"))!;
      const fence = { lease: "execution:1", token };
      const [before, , after] = await Promise.allSettled([
        append(store, ["1"], { fence }),
        acquire("execution:1", "node-b", NOW_MS + 2000),
        append(store, ["2"], { fence }),
      ]);
      expect([before.status, after.status]).toEqual(["fulfilled", "rejected"]);
      expect(await bodiesOf(store)).toEqual(["1"]);
    });

    test("does not matter to a duplicate: what was appended then is still the answer", async () => {
      const { store } = subject;
      const { token } = (await acquire("execution:1", "node-a"))!;
      const fence = { lease: "execution:1", token };
      const first = await append(store, ["1"], { fence, idempotencyKey: "k" });
      await store.releaseLease("execution:1", token);
      expect(await append(store, ["1"], { fence, idempotencyKey: "k" })).toEqual({
        ...first,
        isDuplicate: true,
      });
    });
  });

  describe("write under a fence", () => {
    const write = (token: number, number: number, bodies: readonly string[]) =>
      append(subject.store, bodies, { fence: { lease: "execution:1", token, write: number } });

    test("appends nothing the second time, and says where it went", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      const first = await write(token, 1, ["1", "2"]);
      const second = await write(token, 2, ["3"]);
      expect(await write(token, 2, ["3"])).toEqual({ ...second, isDuplicate: true });
      expect(second.firstSeq).toBe(first.lastSeq + 1);
      expect(await bodiesOf(subject.store)).toEqual(["1", "2", "3"]);
    });

    test("comes too late after a later one", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      await write(token, 1, ["1"]);
      await write(token, 2, ["2"]);
      await expect(write(token, 1, ["1"])).rejects.toMatchObject({ code: "FENCED" });
      expect(await bodiesOf(subject.store)).toEqual(["1", "2"]);
    });

    test("counts anew under each token", async () => {
      const first = (await acquire("execution:1", "node-a"))!;
      await write(first.token, 5, ["1"]);
      const second = (await acquire("execution:1", "node-b", NOW_MS + 1001))!;
      await write(second.token, 1, ["2"]);
      await expect(write(first.token, 5, ["1"])).rejects.toMatchObject({ code: "FENCED" });
      expect(await bodiesOf(subject.store)).toEqual(["1", "2"]);
    });

    test("without a number always appends", async () => {
      const { token } = (await acquire("execution:1", "node-a"))!;
      const fence = { lease: "execution:1", token };
      await append(subject.store, ["1"], { fence });
      await write(token, 1, ["2"]);
      await append(subject.store, ["3"], { fence });
      await write(token, 1, ["2"]);
      expect(await bodiesOf(subject.store)).toEqual(["1", "2", "3"]);
    });
  });
}
