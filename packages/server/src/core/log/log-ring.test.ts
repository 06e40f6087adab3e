import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogRecord } from "../../stores/store.ts";
import { costOf, LogRing } from "./log-ring.ts";

function record(seq: number, bodyChars: number): LogRecord {
  return { seq, tag: "t", timeMs: 0, type: "message", body: "x".repeat(bodyChars) };
}

test("serves what an array of the newest records would serve, within its bounds", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { maxLength: 300 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 200, max: 3_000 }),
      fc.nat(5),
      (sizes, maxRecords, maxBytes, startSeq) => {
        const ring = new LogRing(startSeq, maxRecords, maxBytes);
        const all = sizes.map((size, index) => record(startSeq + index + 1, size));
        for (const one of all) ring.push(one);
        const endSeq = startSeq + all.length;
        const held = all.slice(all.length - ring.recordCount);
        expect(ring.recordCount).toBeLessThanOrEqual(maxRecords);
        expect(ring.byteCount).toBe(held.reduce((sum, one) => sum + costOf(one), 0));
        expect(ring.byteCount <= maxBytes || ring.recordCount === 0).toBe(true);
        expect(ring.servesAfterSeq).toBe(endSeq - held.length);
        for (let seq = startSeq; seq <= endSeq; seq += 1) {
          const expected =
            seq < ring.servesAfterSeq ? undefined : held.filter((one) => one.seq > seq).slice(0, 3);
          expect(ring.after(seq, 3)).toEqual(expected);
          expect(ring.at(seq)).toEqual(held.find((one) => one.seq === seq));
        }
      },
    ),
  );
});

test("a restart forgets everything and goes on from the place it is given", () => {
  const ring = new LogRing(0, 10, 10_000);
  ring.push(record(1, 1));
  ring.restart(7);
  expect([ring.recordCount, ring.byteCount, ring.servesAfterSeq]).toEqual([0, 0, 7]);
  expect(ring.after(1, 10)).toBeUndefined();
  expect(ring.after(7, 10)).toEqual([]);
});
