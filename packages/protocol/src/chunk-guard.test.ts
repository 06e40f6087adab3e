import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { anyChunk } from "../test/chunk-arbitraries.ts";
import { CHUNK_TYPES } from "./chunk.ts";
import { isChunk } from "./chunk-guard.ts";
import { chunkSchema } from "./schema/chunk.ts";

/** A chunk of which one field is missing, or has a value of another kind. */
const damagedChunk = fc
  .tuple(
    anyChunk,
    fc.nat(),
    fc.constantFrom(undefined, null, 1, true, "text", [], {}, [{}], [{ type: "text" }]),
  )
  .map(([chunk, at, value]) => {
    const keys = Object.keys(chunk);
    const key = keys[at % keys.length]!;
    const { [key]: _, ...rest } = chunk as Record<string, unknown>;
    return value === undefined ? rest : { ...rest, [key]: value };
  });

describe("the guard and the schema agree", () => {
  test("CHK-1 both accept every chunk of the vocabulary", () => {
    fc.assert(
      fc.property(anyChunk, (chunk) => {
        expect(isChunk(chunk)).toBe(true);
        expect(chunkSchema.safeParse(chunk).success).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("both say the same of damaged chunks", () => {
    let refusedCount = 0;
    fc.assert(
      fc.property(damagedChunk, (value) => {
        const isAccepted = isChunk(value);
        if (!isAccepted) refusedCount += 1;
        expect(chunkSchema.safeParse(value).success).toBe(isAccepted);
      }),
      { numRuns: 2000 },
    );
    expect(refusedCount).toBeGreaterThan(200);
  });

  test("both say the same of any JSON", () => {
    const withKnownType = fc
      .tuple(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.constantFrom(...CHUNK_TYPES, "data-x", "data", "nothing"),
      )
      .map(([fields, type]) => ({ ...fields, type }));
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), withKnownType), (value) => {
        expect(chunkSchema.safeParse(value).success).toBe(isChunk(value));
      }),
      { numRuns: 500 },
    );
  });
});

test("there are the 29 types of the vocabulary", () => {
  expect(new Set(CHUNK_TYPES).size).toBe(29);
});

test("a type is known by its own name only", () => {
  for (const type of ["toString", "constructor", "__proto__", "text", "", 7, null]) {
    expect(isChunk({ type })).toBe(false);
  }
});

test("what JSON drops may be absent", () => {
  expect(isChunk({ type: "tool-output-available", toolCallId: "1" })).toBe(true);
  expect(isChunk({ type: "text-delta", id: "1", delta: "a", providerMetadata: undefined })).toBe(true);
});

test("CHK-2 unknown fields pass", () => {
  expect(isChunk({ type: "text-delta", id: "1", delta: "a", seq: 3 })).toBe(true);
});
