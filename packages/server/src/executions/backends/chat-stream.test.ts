import type { Chunk } from "@tachikoma/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ChatStream } from "./chat-stream.ts";

const types = (chunks: readonly Chunk[]) => chunks.map((chunk) => chunk.type);

test("deltas of one kind share a part; another kind begins a new one", () => {
  const stream = new ChatStream();
  expect([
    ...stream.reasoning("Hm"),
    ...stream.reasoning("."),
    ...stream.text("Hi"),
    ...stream.text("!"),
    ...stream.close(),
  ]).toEqual([
    { type: "reasoning-start", id: "p1" },
    { type: "reasoning-delta", id: "p1", delta: "Hm" },
    { type: "reasoning-delta", id: "p1", delta: "." },
    { type: "reasoning-end", id: "p1" },
    { type: "text-start", id: "p2" },
    { type: "text-delta", id: "p2", delta: "Hi" },
    { type: "text-delta", id: "p2", delta: "!" },
    { type: "text-end", id: "p2" },
  ]);
});

test("nothing said means no part", () => {
  const stream = new ChatStream();
  expect([...stream.text(""), ...stream.reasoning(""), ...stream.close()]).toEqual([]);
});

describe("tool calls", () => {
  function call(...inputs: string[]): Chunk[] {
    const stream = new ChatStream();
    return [
      ...stream.text("Let me see"),
      ...stream.openToolCall("0", { id: "t1", name: "weather" }),
      ...inputs.flatMap((input) => stream.toolInput("0", input)),
      ...stream.close(),
    ];
  }

  test("end the open text, and give the input once it is whole", () => {
    const chunks = call('{"city":', '"Köln"}');
    expect(types(chunks).slice(2, 6)).toEqual([
      "text-end",
      "tool-input-start",
      "tool-input-delta",
      "tool-input-delta",
    ]);
    const named = { toolCallId: "t1", toolName: "weather" };
    expect(chunks.at(-1)).toEqual({ type: "tool-input-available", ...named, input: { city: "Köln" } });
  });

  test.each(['{"city":', "[1]", '"text"', "null"])("an input like %s is an error of the call", (input) => {
    expect(call(input).at(-1)).toMatchObject({ type: "tool-input-error", toolCallId: "t1", input });
  });

  test.each([[[]], [["", " "]]])("no input means the empty object", (inputs) => {
    expect(call(...inputs).at(-1)).toMatchObject({ type: "tool-input-available", input: {} });
  });

  test("may be written side by side", () => {
    const stream = new ChatStream();
    const chunks = [
      ...stream.openToolCall("a", { id: "t1", name: "f" }),
      ...stream.openToolCall("b", { id: "t2", name: "g" }),
      ...stream.toolInput("a", '{"x":'),
      ...stream.toolInput("b", "{}"),
      ...stream.toolInput("a", "1}"),
      ...stream.close(),
    ];
    const inputs = chunks.flatMap((chunk) => (chunk.type === "tool-input-available" ? [chunk.input] : []));
    expect(inputs).toEqual([{ x: 1 }, {}]);
  });

  test("input for a call that is not open is ignored", () => {
    expect(new ChatStream().toolInput("9", "{}")).toEqual([]);
  });
});

test("a long delta is cut into pieces that never split a character", () => {
  const text = fc
    .array(fc.constantFrom("a", "ü", "🕷️"), { minLength: 0, maxLength: 40 })
    .map((bits) => bits.join("").repeat(2_500));
  fc.assert(
    fc.property(text, (whole) => {
      const deltas = new ChatStream()
        .text(whole)
        .flatMap((chunk) => (chunk.type === "text-delta" ? [chunk.delta] : []));
      expect(deltas.join("")).toBe(whole);
      for (const delta of deltas) {
        expect(delta.length).toBeLessThanOrEqual(16_384);
        expect(delta.isWellFormed()).toBe(true);
      }
    }),
    { numRuns: 30 },
  );
});
