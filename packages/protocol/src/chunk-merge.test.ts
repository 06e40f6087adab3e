import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunkDisorder, chunkStream } from "../test/chunk-arbitraries.ts";
import type { Chunk } from "./chunk.ts";
import { foldChunks } from "./chunk-fold.ts";
import { ChunkMerger, type MergedChunk, mergeChunks, mergeRun, plainDeltaOf } from "./chunk-merge.ts";
import { emptyMessage, textOf } from "./message.ts";

const chunks = fc.oneof(chunkStream, chunkDisorder);

function mergeWithin(maxMergedChars: number, source: readonly Chunk[]): MergedChunk[] {
  const merger = new ChunkMerger({ maxMergedChars });
  const merged = source.map((chunk) => merger.add(chunk));
  return [...merged, merger.flush()].filter((item) => item !== undefined);
}

function delta(text: string, extra: object = {}): Chunk {
  return { type: "text-delta", id: "0", delta: text, ...extra };
}

describe("mergeChunks", () => {
  test.each<[string, Chunk, Chunk, Chunk]>([
    ["text", delta("a"), delta("b"), delta("ab")],
    [
      "reasoning",
      { type: "reasoning-delta", id: "0", delta: "a" },
      { type: "reasoning-delta", id: "0", delta: "b" },
      { type: "reasoning-delta", id: "0", delta: "ab" },
    ],
    [
      "tool input",
      { type: "tool-input-delta", toolCallId: "c", inputTextDelta: "a" },
      { type: "tool-input-delta", toolCallId: "c", inputTextDelta: "b" },
      { type: "tool-input-delta", toolCallId: "c", inputTextDelta: "ab" },
    ],
  ])("joins deltas of %s", (_, earlier, later, joined) => {
    expect(mergeChunks(earlier, later)).toEqual(joined);
  });

  test.each<[string, Chunk, Chunk]>([
    ["another part", delta("a"), { ...delta("b"), id: "1" }],
    ["another type", delta("a"), { type: "reasoning-delta", id: "0", delta: "b" }],
    ["a field beyond the base ones, earlier", delta("a", { providerMetadata: {} }), delta("b")],
    ["a field beyond the base ones, later", delta("a"), delta("b", { seq: 1 })],
    ["no delta", { type: "text-start", id: "0" }, delta("a")],
  ])("DEL-7 does not join: %s", (_, earlier, later) => {
    expect(mergeChunks(earlier, later)).toBeUndefined();
  });
});

describe("merging keeps the meaning", () => {
  test("DEL-7 fold(merge(x)) equals fold(x)", () => {
    fc.assert(
      fc.property(chunks, (source) => {
        expect(foldChunks(emptyMessage(), mergeRun(source))).toEqual(foldChunks(emptyMessage(), source));
      }),
      { numRuns: 500 },
    );
  });

  test("a second merge changes nothing", () => {
    fc.assert(
      fc.property(chunks, (source) => {
        const once = mergeRun(source);
        expect(mergeRun(once)).toEqual(once);
      }),
      { numRuns: 300 },
    );
  });

  test("no two neighbours are left that could be joined", () => {
    fc.assert(
      fc.property(chunks, (source) => {
        const merged = mergeRun(source);
        for (const [at, chunk] of merged.slice(1).entries()) {
          expect(mergeChunks(merged[at]!, chunk)).toBeUndefined();
        }
      }),
    );
  });

  test("covered counts add up, and the bound holds", () => {
    fc.assert(
      fc.property(chunks, fc.integer({ min: 0, max: 40 }), (source, maxMergedChars) => {
        const merged = mergeWithin(maxMergedChars, source);
        let at = 0;
        for (const { chunk, coveredRecordCount } of merged) {
          const covered = source.slice(at, at + coveredRecordCount);
          expect(mergeRun(covered)).toEqual([chunk]);
          if (coveredRecordCount > 1)
            expect(plainDeltaOf(chunk)!.text.length).toBeLessThanOrEqual(maxMergedChars);
          at += coveredRecordCount;
        }
        expect(at).toBe(source.length);
      }),
      { numRuns: 300 },
    );
  });
});

test("DEL-8 scenario 20: multi-byte text split across appends reads the same after rollup", () => {
  const text = "Grüße 👩‍👩‍👧‍👦 漢字 🏳️‍🌈 e\u0301";
  const units = text.split("").map((unit) => delta(unit));
  const start: Chunk = { type: "text-start", id: "0" };
  expect(textOf(foldChunks(emptyMessage(), [start, ...units]))).toBe(text);
  for (const maxMergedChars of [1, 2, 3, 7, 1000]) {
    const merged = mergeWithin(maxMergedChars, units).map((item) => item.chunk);
    expect(textOf(foldChunks(emptyMessage(), [start, ...merged]))).toBe(text);
  }
});

test("a run of 200,000 deltas becomes one chunk", () => {
  const merger = new ChunkMerger({ maxMergedChars: Number.POSITIVE_INFINITY });
  for (let at = 0; at < 200_000; at += 1) merger.add(delta("word "));
  const merged = merger.flush()!;
  expect(merged.coveredRecordCount).toBe(200_000);
  expect(plainDeltaOf(merged.chunk)!.text.length).toBe(1_000_000);
});

test("an empty merger has nothing to flush", () => {
  const merger = new ChunkMerger({ maxMergedChars: 10 });
  expect(merger.flush()).toBeUndefined();
  merger.add(delta("a"));
  expect(merger.flush()).toEqual({ chunk: delta("a"), coveredRecordCount: 1 });
  expect(merger.flush()).toBeUndefined();
});
