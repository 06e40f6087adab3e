import { expect, test } from "vitest";
import { isSurplus } from "./retention.ts";

const OLDEST = { recordCount: 3, byteCount: 30, timeMs: 1000 };
const NO_BOUND = { maxRecords: 1e9, maxBytes: 1e9, maxAgeMs: 1e9 };

test.each([
  ["what remains reaches the count", { maxRecords: 7 }, 1000, true],
  ["what remains would be less than the count", { maxRecords: 8 }, 1000, false],
  ["what remains reaches the size", { maxBytes: 70 }, 1000, true],
  ["what remains would be less than the size", { maxBytes: 71 }, 1000, false],
  ["its newest record has reached the age", { maxAgeMs: 500 }, 1500, true],
  ["its newest record is younger", { maxAgeMs: 500 }, 1499, false],
])("the oldest piece, when %s: %j at %d is surplus: %j", (_when, bound, nowMs, expected) => {
  expect(isSurplus({ recordCount: 10, byteCount: 100 }, OLDEST, { ...NO_BOUND, ...bound }, nowMs)).toBe(
    expected,
  );
});

test("the only piece is never surplus by count or size", () => {
  const nothing = { ...NO_BOUND, maxRecords: 0, maxBytes: 0 };
  expect(isSurplus(OLDEST, OLDEST, nothing, 1000)).toBe(false);
});
