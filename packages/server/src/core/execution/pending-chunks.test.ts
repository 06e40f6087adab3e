import { type Chunk, emptyMessage, foldChunks } from "@tachikoma/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { PendingChunks } from "./pending-chunks.ts";

const MAX_RECORD_BYTES = 4_096;

function pending() {
  const seen: string[] = [];
  const chunks = new PendingChunks({
    executionId: "e1",
    maxRecordBytes: MAX_RECORD_BYTES,
    checkSize: (body) => seen.push(body),
  });
  return { chunks, seen };
}

const chunk: fc.Arbitrary<Chunk> = fc.oneof(
  fc.record({
    type: fc.constant("text-delta" as const),
    id: fc.constantFrom("a", "b"),
    delta: fc.string({ unit: "binary" }),
  }),
  fc.record({
    type: fc.constant("reasoning-delta" as const),
    id: fc.constantFrom("a", "b"),
    delta: fc.string(),
  }),
  fc.record({
    type: fc.constant("tool-input-delta" as const),
    toolCallId: fc.constantFrom("a", "b"),
    inputTextDelta: fc.string(),
  }),
  fc.record({
    type: fc.constant("text-delta" as const),
    id: fc.constant("a"),
    delta: fc.string(),
    providerMetadata: fc.constant({}),
  }),
  fc.record({
    type: fc.constant("text-delta" as const),
    id: fc.constant("long"),
    delta: fc.string({ minLength: 500, maxLength: 1_500 }),
  }),
  fc.record({
    type: fc.constantFrom("text-start" as const, "text-end" as const),
    id: fc.constantFrom("a", "b", "long"),
  }),
);

test("records fold to the same message as the chunks, in fewer records, each within its limit", () => {
  fc.assert(
    fc.property(fc.array(chunk, { maxLength: 60 }), fc.array(fc.nat({ max: 10 })), (all, cuts) => {
      const { chunks } = pending();
      const bodies: string[] = [];
      const take = () => bodies.push(...chunks.take().map(({ body }) => body));
      let left = cuts[0] ?? 100;
      for (const [index, one] of all.entries()) {
        chunks.add(one);
        left -= 1;
        if (left > 0) continue;
        take();
        left = cuts[index % cuts.length] ?? 100;
      }
      take();
      expect(bodies.length).toBeLessThanOrEqual(all.length);
      for (const body of bodies) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MAX_RECORD_BYTES * 2);
      const logged = bodies.map((body) => JSON.parse(body) as Chunk);
      expect(foldChunks(emptyMessage(), logged)).toEqual(foldChunks(emptyMessage(), all));
      expect(chunks.chunkCount).toBe(0);
    }),
  );
});

test("adjacent deltas of one part are one record", () => {
  const { chunks } = pending();
  for (const delta of ["one ", "two ", "three"]) chunks.add({ type: "text-delta", id: "0", delta });
  chunks.add({ type: "text-end", id: "0" });
  expect(chunks.chunkCount).toBe(4);
  expect(chunks.take()).toEqual([
    { type: "chunk", executionId: "e1", body: '{"type":"text-delta","id":"0","delta":"one two three"}' },
    { type: "chunk", executionId: "e1", body: '{"type":"text-end","id":"0"}' },
  ]);
});

test("joining never makes a record that its channel would not take", () => {
  const { chunks } = pending();
  // Six characters of JSON each.
  for (let count = 0; count < 40; count += 1)
    chunks.add({ type: "text-delta", id: "0", delta: "\u0001".repeat(100) });
  const records = chunks.take();
  expect(records.length).toBeGreaterThan(1);
  for (const { body } of records) expect(Buffer.byteLength(body)).toBeLessThanOrEqual(MAX_RECORD_BYTES);
});

test("a chunk that could be too large is looked at before anything is taken", () => {
  const { chunks, seen } = pending();
  chunks.add({ type: "text-delta", id: "0", delta: "x".repeat(5_000) });
  expect(seen).toHaveLength(1);
});
