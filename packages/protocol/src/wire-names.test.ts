import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromWireNames, toWireNames } from "./wire-names.ts";

const OPAQUE = ["data", "input", "chunk", "payload", "state", "initial_state", "positions"];

describe("MSG-2 envelope fields are renamed", () => {
  test.each([
    [{ executionId: "e" }, { execution_id: "e" }],
    [{ onUnwatched: { cancelAfter: 5 } }, { on_unwatched: { cancel_after: 5 } }],
    [
      { usage: { inputTokens: 3, reasoningOutputTokens: 1 } },
      { usage: { input_tokens: 3, reasoning_output_tokens: 1 } },
    ],
    [
      { members: [{ clientId: "c", state: { isTyping: 1 } }] },
      { members: [{ client_id: "c", state: { isTyping: 1 } }] },
    ],
    [
      { inMs: 5, n: 1, type: "x" },
      { in_ms: 5, n: 1, type: "x" },
    ],
  ])("%j and back", (inner, wire) => {
    expect(toWireNames(inner)).toEqual(wire);
    expect(fromWireNames(wire)).toEqual(inner);
  });

  test("wire names survive the way in and out", () => {
    const key = fc.stringMatching(/^[a-z]([a-z]|_[a-z]){0,8}$/);
    fc.assert(
      fc.property(fc.dictionary(key, fc.oneof(fc.integer(), fc.dictionary(key, fc.string()))), (value) => {
        expect(toWireNames(fromWireNames(value))).toEqual(value);
      }),
    );
  });
});

describe("MSG-4 what belongs to the application is not looked at", () => {
  test.each(OPAQUE)("%s", (field) => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        const value = { some_key: 1, someKey: 2, nested: [{ other_key: json }] };
        const decoded = fromWireNames({ type: "x", [field]: value }) as Record<string, unknown>;
        const name = field === "initial_state" ? "initialState" : field;
        expect(decoded[name]).toBe(value);
        const encoded = toWireNames({ type: "x", [name]: value }) as Record<string, unknown>;
        expect(encoded[field]).toBe(value);
      }),
    );
  });
});

describe("hostile keys", () => {
  test("MSG-2 the wire has one spelling: camelCase is not a second name of a field", () => {
    expect(fromWireNames({ type: "cancel", executionId: "a" })).toEqual({ type: "cancel" });
    expect(fromWireNames({ executionId: "a", execution_id: "b" })).toEqual({ executionId: "b" });
  });

  test.each(["__proto__", "_Proto__", "__Proto__", "___proto__", "constructor", "prototype"])("%s", (key) => {
    const value = JSON.parse(`{"${key}":{"polluted":true},"usage":{"${key}":{"polluted":true}}}`);
    for (const renamed of [fromWireNames(value), toWireNames(value)] as {
      polluted?: unknown;
      usage: object;
    }[]) {
      expect(Object.getPrototypeOf(renamed)).toBe(Object.prototype);
      expect(Object.getPrototypeOf(renamed.usage)).toBe(Object.prototype);
      expect(renamed.polluted).toBeUndefined();
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("depth costs no stack", () => {
    const arrays = JSON.parse(`{"x":${"[".repeat(10_000)}${"]".repeat(10_000)}}`);
    const objects = JSON.parse(`${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`);
    for (const value of [arrays, objects]) {
      expect(() => fromWireNames(value)).not.toThrow();
      expect(() => toWireNames(value)).not.toThrow();
    }
  });
});
