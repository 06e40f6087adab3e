import fc from "fast-check";
import { expect, test } from "vitest";
import { chunkDisorder, chunkStream } from "../test/chunk-arbitraries.ts";
import type { Chunk } from "./chunk.ts";
import { ChunkMerger } from "./chunk-merge.ts";
import { type ChunkRecord, type MergedRecords, RecordMerger } from "./record-merge.ts";

const UNBOUNDED = { maxMergedChars: Number.POSITIVE_INFINITY };

function mergeRecords(records: readonly ChunkRecord[], limits = UNBOUNDED): MergedRecords<ChunkRecord>[] {
  const merger = new RecordMerger(limits);
  const merged = records.map((record) => merger.add(record));
  return [...merged, merger.flush()].filter((item) => item !== undefined);
}

function recordOf(chunk: Chunk): ChunkRecord {
  return { body: JSON.stringify(chunk), executionId: "x" };
}

function bodies(...texts: string[]): ChunkRecord[] {
  return texts.map((body) => ({ body, executionId: "x" }));
}

test("DEL-7 merging texts equals merging chunks", () => {
  fc.assert(
    fc.property(fc.oneof(chunkStream, chunkDisorder), (chunks) => {
      const merger = new ChunkMerger(UNBOUNDED);
      const expected = [...chunks.map((chunk) => merger.add(chunk)), merger.flush()].filter(
        (item) => item !== undefined,
      );
      const merged = mergeRecords(chunks.map(recordOf)).map(({ body, coveredRecordCount }) => ({
        chunk: JSON.parse(body),
        coveredRecordCount,
      }));
      expect(merged).toEqual(JSON.parse(JSON.stringify(expected)));
    }),
    { numRuns: 500 },
  );
});

test("DEL-1 the last record covered is the one whose position the frame carries", () => {
  const records = bodies(
    '{"type":"text-delta","id":"0","delta":"a"}',
    '{"type":"text-delta","id":"0","delta":"b"}',
    '{"type":"text-end","id":"0"}',
  );
  expect(mergeRecords(records)).toEqual([
    { last: records[1], body: '{"type":"text-delta","id":"0","delta":"ab"}', coveredRecordCount: 2 },
    { last: records[2], body: records[2]!.body, coveredRecordCount: 1 },
  ]);
});

test.each([
  ["fields in another order", '{"delta":"b","id":"0","type":"text-delta"}'],
  ["white space", '{ "type": "text-delta", "id": "0", "delta": "b" }'],
  ["an escaped id", '{"type":"text-delta","id":"\\u0030","delta":"b"}'],
])("%s joins with the usual spelling", (_, body) => {
  const usual = '{"type":"text-delta","id":"0","delta":"a"}';
  expect(mergeRecords(bodies(usual, body, usual)).map((item) => item.body)).toEqual([
    '{"type":"text-delta","id":"0","delta":"aba"}',
  ]);
});

test.each([
  ["a field after the text", '{"type":"text-delta","id":"0","delta":"a","seq":"1"}'],
  ["a field that looks like text", String.raw`{"type":"text-delta","id":"0","delta":"a\\","x":"\"}"}`],
  ["a field after an empty text", '{"type":"text-delta","id":"0","delta":"","seq":"1"}'],
  ["another part", '{"type":"text-delta","id":"1","delta":"a"}'],
  ["a long id", `{"type":"text-delta","id":"${"i".repeat(300)}","delta":"a"}`],
])("%s is left alone", (_, body) => {
  const usual = '{"type":"text-delta","id":"0","delta":"a"}';
  expect(mergeRecords(bodies(usual, body, usual)).map((item) => item.body)).toEqual([usual, body, usual]);
});

test("quotation marks and backslashes inside the text are no end of it", () => {
  const texts = ['say "hi"', "back\\", '\\"', '"', "\\\\", "}", '"}', ""];
  const merged = mergeRecords(texts.map((text) => recordOf({ type: "text-delta", id: "0", delta: text })));
  expect(merged.map((item) => JSON.parse(item.body))).toEqual([
    { type: "text-delta", id: "0", delta: texts.join("") },
  ]);
});

test("DEL-8 halves of a surrogate pair in two records become one character", () => {
  const [high, low] = "😀".split("") as [string, string];
  const merged = mergeRecords([high, low].map((delta) => recordOf({ type: "text-delta", id: "0", delta })));
  expect(JSON.parse(merged[0]!.body).delta).toBe("😀");
});

test("EXE-9 chunks of two executions are never joined", () => {
  const body = '{"type":"text-delta","id":"0","delta":"a"}';
  const merged = mergeRecords([
    { body, executionId: "x" },
    { body, executionId: "y" },
    { body, executionId: "y" },
  ]);
  expect(merged.map((item) => [item.last.executionId, item.coveredRecordCount])).toEqual([
    ["x", 1],
    ["y", 2],
  ]);
});

test("the merged text stays within its bound", () => {
  const records = Array.from({ length: 10 }, () => recordOf({ type: "text-delta", id: "0", delta: "abc" }));
  const counts = mergeRecords(records, { maxMergedChars: 7 }).map((item) => item.coveredRecordCount);
  expect(counts).toEqual([2, 2, 2, 2, 2]);
});
