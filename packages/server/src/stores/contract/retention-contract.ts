import { ORIGIN_TAG } from "@tachikoma/protocol";
import { describe, expect, test } from "vitest";
import {
  append,
  CHAT,
  type ContractSubject,
  KEEP_ALL,
  NOW_MS,
  readAll,
  sweepAll,
} from "./contract-fixture.ts";

export function retentionContract(subject: ContractSubject): void {
  const appendOneByOne = async (count: number, overrides: Parameters<typeof append>[2]) => {
    const tags = [ORIGIN_TAG];
    for (let index = 0; index < count; index++)
      tags.push((await append(subject.store, ['"12345678"'], overrides)).tag);
    return tags;
  };
  const keptCount = async () => {
    const { base, head } = (await subject.store.logState(CHAT))!;
    expect(await readAll(subject.store)).toHaveLength(head.seq - base.seq);
    return head.seq - base.seq;
  };

  describe("retention", () => {
    test("by count keeps what was asked and little more, and rule 4: the tag of the last record trimmed", async () => {
      const tags = await appendOneByOne(300, { retention: { ...KEEP_ALL, maxRecords: 10 } });
      const kept = await keptCount();
      expect(kept).toBeGreaterThanOrEqual(10);
      expect(kept).toBeLessThanOrEqual(10 + subject.slackRecords);
      const { base, head } = (await subject.store.logState(CHAT))!;
      expect(base).toEqual({ epoch: head.epoch, seq: 300 - kept, tag: tags[300 - kept] });
      expect(head).toEqual({ epoch: head.epoch, seq: 300, tag: tags[300] });
    });

    test("by size keeps what was asked and little more", async () => {
      await appendOneByOne(300, { retention: { ...KEEP_ALL, maxBytes: 100 } });
      const kept = await keptCount();
      expect(kept).toBeGreaterThanOrEqual(10);
      expect(kept).toBeLessThanOrEqual(10 + subject.slackRecords);
    });

    test("by age drops on append what is older", async () => {
      const retention = { ...KEEP_ALL, maxAgeMs: 1000 };
      await appendOneByOne(5, { retention });
      await appendOneByOne(1, { retention, nowMs: NOW_MS + 999 });
      expect(await keptCount()).toBe(6);
      await appendOneByOne(1, { retention, nowMs: NOW_MS + 1500 });
      expect(await keptCount()).toBe(2);
    });

    test("never trims the newest record by count or size", async () => {
      const big = `"${"x".repeat(5000)}"`;
      const retention = { maxRecords: 1, maxBytes: 10, maxAgeMs: 1000 };
      for (let index = 0; index < 3; index++) await append(subject.store, [big], { retention });
      expect((await readAll(subject.store)).at(-1)).toMatchObject({ seq: 3, body: big });
    });

    test("never keeps less than asked of a large append", async () => {
      const bodies = Array.from({ length: 1000 }, (_, index) => `${index}`);
      await append(subject.store, bodies, { retention: { ...KEEP_ALL, maxRecords: 700 } });
      const kept = (await readAll(subject.store)).map(({ body }) => body);
      expect(kept.length).toBeGreaterThanOrEqual(700);
      expect(kept).toEqual(bodies.slice(-kept.length));
    });

    test("made smaller takes effect over the next appends", async () => {
      await appendOneByOne(200, { retention: KEEP_ALL });
      await appendOneByOne(10, { retention: { ...KEEP_ALL, maxRecords: 5 } });
      const kept = await keptCount();
      expect(kept).toBeGreaterThanOrEqual(5);
      expect(kept).toBeLessThanOrEqual(5 + subject.slackRecords);
    });

    test("made larger keeps more from then on", async () => {
      await appendOneByOne(20, { retention: { ...KEEP_ALL, maxRecords: 5 } });
      await appendOneByOne(20, { retention: KEEP_ALL });
      expect(await keptCount()).toBeGreaterThanOrEqual(25);
    });

    test("by age is applied by a sweep without an append", async () => {
      const retention = { ...KEEP_ALL, maxAgeMs: 1000 };
      await appendOneByOne(3, { retention });
      await appendOneByOne(2, { retention, nowMs: NOW_MS + 600 });
      await sweepAll(subject.store, NOW_MS + 500);
      expect(await keptCount()).toBe(5);
      await sweepAll(subject.store, NOW_MS + 1100);
      expect(await keptCount()).toBe(2);
    });

    test("rule 4: when all records are gone, a reader at the head is still proven", async () => {
      const { store } = subject;
      const tags = await appendOneByOne(7, { retention: { ...KEEP_ALL, maxAgeMs: 1000 } });
      await sweepAll(store, NOW_MS + 5000);
      const state = (await store.logState(CHAT))!;
      expect(state.base).toEqual({ epoch: state.head.epoch, seq: 7, tag: tags[7] });
      expect(state.head).toEqual(state.base);
      expect(await store.read({ key: CHAT, afterSeq: 7, maxRecords: 10, maxBytes: 100 })).toEqual({
        state,
        records: [],
      });
      expect(await store.openLog(CHAT, NOW_MS + 6000)).toEqual(state);
      expect(await append(store, ["8"])).toMatchObject({ epoch: state.head.epoch, firstSeq: 8 });
    });
  });
}
