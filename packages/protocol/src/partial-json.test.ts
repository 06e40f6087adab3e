import fc from "fast-check";
import { expect, test } from "vitest";
import type { ToolPart } from "./message.ts";
import { parsePartialJson } from "./partial-json.ts";
import { partialInputOf } from "./tool-call-fold.ts";

test.each<[string, unknown]>([
  ["", undefined],
  ["  ", undefined],
  ["{", {}],
  ['{"', {}],
  ['{"a', {}],
  ['{"a"', {}],
  ['{"a":', {}],
  ['{"a":"', { a: "" }],
  ['{"a":"x', { a: "x" }],
  ['{"a":"x\\', { a: "x" }],
  ['{"a":"x\\\\', { a: "x\\" }],
  ['{"a":"x\\u00e', { a: "x" }],
  ['{"a":"x\\u00e4', { a: "xä" }],
  ['{"a":"x","b', { a: "x" }],
  ['{"a":[1,2', { a: [1, 2] }],
  ['{"a":[1,', { a: [1] }],
  ['{"a":[1],', { a: [1] }],
  ["[tr", [true]],
  ["[true, f", [true, false]],
  ["[-", []],
  ["[1.", [1]],
  ["[1e", [1]],
  ["[1, -", [1]],
  ['[{"a":{"b":[', [{ a: { b: [] } }]],
  ["not json", undefined],
  ["]", undefined],
])("%s", (text, value) => {
  expect(parsePartialJson(text)).toEqual(value);
});

test("every prefix of every JSON text can be read, and the whole is read as it is", () => {
  fc.assert(
    fc.property(fc.json({ depthSize: "small" }), fc.nat(), (json, cut) => {
      expect(parsePartialJson(json)).toEqual(JSON.parse(json));
      const prefix = json.slice(0, cut % (json.length + 1));
      const isBegun = /^\s*[[{"tfn0-9]/.test(prefix);
      if (isBegun) expect(parsePartialJson(prefix)).not.toBeUndefined();
    }),
    { numRuns: 1000 },
  );
});

test("any text is survived", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'{}[]",:\\tu0e-. '.split("")), maxLength: 20 }),
      (text) => {
        expect(() => parsePartialJson(text)).not.toThrow();
      },
    ),
    { numRuns: 2000 },
  );
});

test("depth costs no stack", () => {
  expect(() => parsePartialJson('[{"a":'.repeat(50_000))).not.toThrow();
});

test("the input of a tool call is read as far as it has come", () => {
  const call = { type: "tool-x", toolName: "x", toolCallId: "c" } as const;
  const streaming = (rawInput: string, inputEncoding?: "text"): ToolPart => ({
    ...call,
    state: "input-streaming",
    rawInput,
    ...(inputEncoding && { inputEncoding }),
  });
  expect(partialInputOf(streaming('{"q":"mil'))).toEqual({ q: "mil" });
  expect(partialInputOf(streaming("print(", "text"))).toBe("print(");
  expect(partialInputOf({ ...call, state: "input-available", input: 5 })).toBe(5);
});
