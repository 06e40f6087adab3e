import fc from "fast-check";
import { expect, test } from "vitest";
import { isNestedDeeperThan } from "./nesting.ts";

function levelsOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(levelsOf));
}

test("levels are those of the value", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(6), fc.boolean(), (value, maxLevels, isSpaced) => {
      const json = JSON.stringify(value, null, isSpaced ? 2 : 0);
      expect(isNestedDeeperThan(json, maxLevels)).toBe(levelsOf(value) > maxLevels);
    }),
    { numRuns: 1000 },
  );
});

test("brackets in strings are no levels", () => {
  expect(isNestedDeeperThan(JSON.stringify(["[[[[", '"[[[[{{', "\\"]), 1)).toBe(false);
});

test("a text that is cut off is survived", () => {
  for (const text of ['["', '["\\', "[[[[", "]]]]]]]"])
    expect(() => isNestedDeeperThan(text, 0)).not.toThrow();
});
