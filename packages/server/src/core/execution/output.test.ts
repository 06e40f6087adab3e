import { type Chunk, emptyMessage, foldChunks, isChunk, textOf } from "@tachikoma/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { HandlerOutput } from "../../executions/handler.ts";
import { Output } from "./output.ts";

const ENDINGS: ReadonlySet<string> = new Set(["finish", "abort", "error"]);

const output: fc.Arbitrary<HandlerOutput> = fc.oneof(
  fc.string(),
  fc.constantFrom<Chunk>(
    { type: "start", messageId: "m" },
    { type: "start-step" },
    { type: "finish-step" },
    { type: "text-start", id: "t" },
    { type: "text-delta", id: "t", delta: "d" },
    { type: "text-end", id: "t" },
    { type: "source-url", sourceId: "s", url: "https://example.com" },
  ),
);

test("whatever a handler yields and however it ends, the content begins once and ends with exactly one ending", () => {
  fc.assert(
    fc.property(fc.array(output), fc.constantFrom("complete", "abort", "error"), (outputs, ending) => {
      const content = new Output("x1");
      const chunks = outputs.flatMap((one) => content.accept(one));
      chunks.push(
        ...(ending === "complete"
          ? content.complete()
          : content.breakOff(ending === "abort" ? { type: "abort" } : { type: "error", errorText: "no" })),
      );
      expect(chunks.every(isChunk)).toBe(true);
      expect(chunks[0]?.type).toBe("start");
      expect(chunks.filter(({ type }) => ENDINGS.has(type))).toHaveLength(1);
      expect(ENDINGS.has(chunks.at(-1)!.type)).toBe(true);
      const strings = outputs.filter((one) => typeof one === "string").join("");
      const deltas = outputs.filter((one) => typeof one !== "string" && one.type === "text-delta");
      expect(textOf(foldChunks(emptyMessage(), chunks))).toHaveLength(strings.length + deltas.length);
    }),
  );
});

test("strings become one text part, closed before anything else", () => {
  const content = new Output("x1");
  const chunks = [
    ...content.accept("a"),
    ...content.accept(""),
    ...content.accept("b"),
    ...content.accept({ type: "source-url", sourceId: "s", url: "https://example.com" }),
    ...content.accept("c"),
    ...content.complete(),
  ];
  expect(chunks).toEqual([
    { type: "start", messageId: "x1" },
    { type: "text-start", id: "text-0" },
    { type: "text-delta", id: "text-0", delta: "a" },
    { type: "text-delta", id: "text-0", delta: "b" },
    { type: "text-end", id: "text-0" },
    { type: "source-url", sourceId: "s", url: "https://example.com" },
    { type: "text-start", id: "text-1" },
    { type: "text-delta", id: "text-1", delta: "c" },
    { type: "text-end", id: "text-1" },
    { type: "finish", finishReason: "stop" },
  ]);
});

test("what is no chunk is refused by name, not by content", () => {
  const nonsense = { type: "secret-thing", text: "the secret" } as unknown as HandlerOutput;
  expect(() => new Output("x1").accept(nonsense)).toThrow(/"secret-thing"/);
  expect(() => new Output("x1").accept(42 as unknown as HandlerOutput)).toThrow(/a number/);
  expect(() => new Output("x1").accept(nonsense)).not.toThrow(/the secret/);
});

test("a start without an id gets that of the message, so that it is the same message to everyone who reads it", () => {
  expect(new Output("m1").accept({ type: "start", messageMetadata: { a: 1 } })).toEqual([
    { type: "start", messageId: "m1", messageMetadata: { a: 1 } },
  ]);
  expect(new Output("m1").accept({ type: "start", messageId: "own" })).toEqual([
    { type: "start", messageId: "own" },
  ]);
});
