import { describe, expect, test } from "vitest";
import { append, bodiesOf, type ContractSubject, NOW_MS, sweepAll } from "./contract-fixture.ts";

export function idempotencyContract(subject: ContractSubject): void {
  describe("idempotency key", () => {
    test("given again appends nothing and returns where the first append went", async () => {
      const { store } = subject;
      const first = await append(store, ["1", "2"], { idempotencyKey: "k" });
      await append(store, ["3"]);
      const again = await append(store, ["other"], { idempotencyKey: "k", nowMs: NOW_MS + 5 });
      expect(again).toEqual({ ...first, isDuplicate: true });
      expect(await bodiesOf(store)).toEqual(["1", "2", "3"]);
    });

    test("given by many at once is appended once", async () => {
      const { store } = subject;
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, index) => append(store, [`${index}`], { idempotencyKey: "k" })),
      );
      expect(results.filter(({ isDuplicate }) => !isDuplicate)).toHaveLength(1);
      expect(new Set(results.map(({ firstSeq, tag }) => `${firstSeq} ${tag}`)).size).toBe(1);
      expect(await bodiesOf(store)).toEqual(["0"]);
    });

    test("belongs to one log", async () => {
      const { store } = subject;
      await append(store, ["1"], { idempotencyKey: "k" });
      const other = { tenant: "acme", channel: "chat:2" };
      expect(await append(store, ["2"], { key: other, idempotencyKey: "k" })).toMatchObject({
        isDuplicate: false,
      });
    });

    test("is remembered until it is older than idempotencyMs, then forgotten by a sweep", async () => {
      const { store } = subject;
      await append(store, ["1"], { idempotencyKey: "k" });
      await sweepAll(store, NOW_MS + 1000, { idempotencyMs: 2000 });
      expect(await append(store, ["2"], { idempotencyKey: "k" })).toMatchObject({ isDuplicate: true });
      await sweepAll(store, NOW_MS + 3000, { idempotencyMs: 2000 });
      expect(await append(store, ["3"], { idempotencyKey: "k" })).toMatchObject({ isDuplicate: false });
      expect(await bodiesOf(store)).toEqual(["1", "3"]);
    });

    test("goes with its log", async () => {
      const { store } = subject;
      await append(store, ["1"], { idempotencyKey: "k" });
      await store.deleteLog({ tenant: "acme", channel: "chat:1" });
      expect(await append(store, ["2"], { idempotencyKey: "k" })).toMatchObject({
        isDuplicate: false,
        firstSeq: 1,
      });
    });

    test("keeps an idle empty log from being removed", async () => {
      const { store } = subject;
      const retention = { maxRecords: 10, maxBytes: 1000, maxAgeMs: 10 };
      const first = await append(store, ["1"], { idempotencyKey: "k", retention });
      await sweepAll(store, NOW_MS + 1000, { idleLogMs: 100, idempotencyMs: 2000 });
      expect(await append(store, ["1"], { idempotencyKey: "k", retention })).toEqual({
        ...first,
        isDuplicate: true,
      });
    });

    test("of an append that was refused is not taken", async () => {
      const { store } = subject;
      const fence = { lease: "execution:1", token: 99 };
      await expect(append(store, ["1"], { idempotencyKey: "k", fence })).rejects.toMatchObject({
        code: "FENCED",
      });
      expect(await append(store, ["2"], { idempotencyKey: "k" })).toMatchObject({
        isDuplicate: false,
        firstSeq: 1,
      });
    });

    test("may be any text", async () => {
      const { store } = subject;
      const keys = ["a:b", "a", "a\u0000b", "'", "鍵", " ", "x".repeat(1000)];
      for (const idempotencyKey of keys) {
        expect(await append(store, ["1"], { idempotencyKey })).toMatchObject({ isDuplicate: false });
      }
      for (const [index, idempotencyKey] of keys.entries()) {
        expect(await append(store, ["1"], { idempotencyKey })).toMatchObject({
          isDuplicate: true,
          firstSeq: index + 1,
        });
      }
    });
  });
}
