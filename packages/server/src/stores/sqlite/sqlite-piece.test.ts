import fc from "fast-check";
import { expect, test } from "vitest";
import type { LogRecord, RecordType } from "../store.ts";
import { joinPieces, PieceBuilder, unpackRecords } from "./sqlite-piece.ts";

const record = fc.record(
  {
    type: fc.constantFrom<RecordType>("message", "chunk", "execution_started"),
    body: fc.oneof(fc.string({ unit: "binary" }), fc.json()),
    sender: fc.constantFrom("phone", ""),
    executionId: fc.constantFrom("e1", "e2"),
    exclude: fc.array(fc.constantFrom("s1", "s2"), { maxLength: 2 }),
  },
  { requiredKeys: ["type", "body"] },
);
const appends = fc.array(fc.array(record, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 });

test("records come out of rows as they went in, from any place and within any bounds", () => {
  const bounds = [
    fc.nat({ max: 45 }),
    fc.integer({ min: 1, max: 50 }),
    fc.integer({ min: 1, max: 400 }),
  ] as const;
  const property = fc.property(
    appends,
    fc.array(fc.boolean()),
    ...bounds,
    (groups, cuts, afterSeq, maxRecords, maxBytes) => {
      const all: LogRecord[] = [];
      const pieces = [new PieceBuilder(1)];
      for (const [index, group] of groups.entries()) {
        for (const item of group) {
          if (cuts[all.length] === true && pieces.at(-1)!.recordCount > 0)
            pieces.push(new PieceBuilder(all.length + 1));
          pieces.at(-1)!.add(item, `tag${index}`, 1000 + index);
          all.push({ ...item, seq: all.length + 1, tag: `tag${index}`, timeMs: 1000 + index });
        }
      }
      expect(pieces.at(-1)!.lastSeq).toBe(all.length);
      let byteCount = 0;
      const expected: LogRecord[] = [];
      for (const item of all.slice(afterSeq)) {
        if (expected.length > 0 && (expected.length >= maxRecords || byteCount >= maxBytes)) break;
        byteCount += Buffer.byteLength(item.body);
        expected.push(item);
      }
      const packed = pieces.map(({ firstSeq, head, bodies }) => ({ firstSeq, head, bodies }));
      expect(unpackRecords(joinPieces(packed)!, afterSeq, maxRecords, maxBytes)).toEqual(expected);
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test("neighbours of the same kind and author share a group", () => {
  const piece = new PieceBuilder(5);
  for (const body of ["1", "22", "333"]) piece.add({ type: "chunk", body, executionId: "e1" }, "tag01", 1000);
  piece.add({ type: "chunk", body: "4", executionId: "e1" }, "tag02", 1001);
  piece.add({ type: "message", body: "5" }, "tag02", 1001);
  piece.add({ type: "message", body: "66" }, "tag02", 1001);
  expect(JSON.parse(piece.head)).toEqual([
    ["chunk", "e1", null, null, "tag01 tag02", [1000, 3, 1, 2, 3, 1001, 1, 1]],
    ["message", null, null, null, "tag02", [1001, 2, 1, 2]],
  ]);
  expect(piece).toMatchObject({
    bodies: "1223334566",
    lastSeq: 10,
    lastTag: "tag02",
    timeMs: 1001,
    byteCount: 10,
  });
});

test("a piece is full at 256 records or 32 KiB", () => {
  const small = new PieceBuilder(1);
  for (let count = 0; count < 255; count++) small.add({ type: "message", body: "1" }, "tag01", 1);
  expect(small.isFull).toBe(false);
  small.add({ type: "message", body: "1" }, "tag01", 1);
  expect(small.isFull).toBe(true);
  const large = new PieceBuilder(1);
  large.add({ type: "message", body: "é".repeat(16 * 1024) }, "tag01", 1);
  expect(large.isFull).toBe(true);
});
