import { describe, expect, test } from "vitest";
import type { ReadRequest } from "../store.ts";
import { append, CHAT, type ContractSubject, KEEP_ALL, NOW_MS, readAll } from "./contract-fixture.ts";

export function readContract(subject: ContractSubject): void {
  const seqsOf = async (request: Partial<ReadRequest>) => {
    const result = await subject.store.read({
      key: CHAT,
      afterSeq: 0,
      maxRecords: 1000,
      maxBytes: 1e6,
      ...request,
    });
    return result!.records.map(({ seq }) => seq);
  };
  /** Ten records of ten bytes, five in one append, the rest one by one. */
  const fill = async () => {
    await append(
      subject.store,
      Array.from({ length: 5 }, () => '"12345678"'),
    );
    for (let count = 0; count < 5; count++) await append(subject.store, ['"12345678"']);
  };

  describe("read", () => {
    test("of an unknown log is undefined, and does not make it", async () => {
      expect(
        await subject.store.read({ key: CHAT, afterSeq: 0, maxRecords: 1, maxBytes: 1 }),
      ).toBeUndefined();
      expect(await subject.store.logState(CHAT)).toBeUndefined();
    });

    test("of an empty log has its ends and no records", async () => {
      const state = await subject.store.openLog(CHAT, NOW_MS);
      expect(await subject.store.read({ key: CHAT, afterSeq: 0, maxRecords: 10, maxBytes: 10 })).toEqual({
        state,
        records: [],
      });
    });

    test("starts after the given seq", async () => {
      await fill();
      expect(await seqsOf({ afterSeq: 0 })).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(await seqsOf({ afterSeq: 3 })).toEqual([4, 5, 6, 7, 8, 9, 10]);
      expect(await seqsOf({ afterSeq: 9 })).toEqual([10]);
    });

    test("at the head and beyond has no records", async () => {
      await fill();
      const state = await subject.store.logState(CHAT);
      for (const afterSeq of [10, 11, 1_000_000]) {
        expect(await subject.store.read({ key: CHAT, afterSeq, maxRecords: 5, maxBytes: 100 })).toEqual({
          state,
          records: [],
        });
      }
    });

    test("stops at maxRecords", async () => {
      await fill();
      expect(await seqsOf({ maxRecords: 1 })).toEqual([1]);
      expect(await seqsOf({ afterSeq: 2, maxRecords: 4 })).toEqual([3, 4, 5, 6]);
      expect(await seqsOf({ afterSeq: 8, maxRecords: 4 })).toEqual([9, 10]);
    });

    test("stops after the record that reaches maxBytes, and has at least one", async () => {
      await fill();
      expect(await seqsOf({ maxBytes: 1 })).toEqual([1]);
      expect(await seqsOf({ maxBytes: 10 })).toEqual([1]);
      expect(await seqsOf({ maxBytes: 11 })).toEqual([1, 2]);
      expect(await seqsOf({ afterSeq: 3, maxBytes: 35 })).toEqual([4, 5, 6, 7]);
    });

    test("counts bytes, not characters", async () => {
      await append(subject.store, ['"éééé"', '"éééé"', '"éééé"']);
      expect(await seqsOf({ maxBytes: 10 })).toEqual([1]);
      expect(await seqsOf({ maxBytes: 11 })).toEqual([1, 2]);
    });

    test("returns a record that is larger than maxBytes, alone", async () => {
      await append(subject.store, [`"${"x".repeat(200_000)}"`, "2"]);
      expect(await seqsOf({ maxBytes: 65_536 })).toEqual([1]);
      expect(await seqsOf({ afterSeq: 1, maxBytes: 65_536 })).toEqual([2]);
    });

    test("before the base starts after the base", async () => {
      const retention = { ...KEEP_ALL, maxRecords: 3 };
      for (let count = 0; count < 20; count++) await append(subject.store, ["1"], { retention });
      const { base } = (await subject.store.logState(CHAT))!;
      expect(base.seq).toBeGreaterThan(0);
      expect((await seqsOf({ afterSeq: 0 }))[0]).toBe(base.seq + 1);
      expect((await seqsOf({ afterSeq: base.seq }))[0]).toBe(base.seq + 1);
    });

    test("in pages of any size gives the same records", async () => {
      for (let round = 0; round < 40; round++) {
        await append(
          subject.store,
          Array.from({ length: 1 + (round % 9) }, (_, index) => `"${round}.${index}"`),
        );
      }
      const all = await readAll(subject.store);
      for (const pageRecords of [1, 2, 7, 64])
        expect(await readAll(subject.store, CHAT, pageRecords)).toEqual(all);
    });
  });
}
