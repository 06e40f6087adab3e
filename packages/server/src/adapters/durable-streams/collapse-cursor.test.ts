import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom } from "../../core/testing/seeded-random.ts";
import { nextCursor } from "./collapse-cursor.ts";

const NOW_MS = Date.UTC(2024, 9, 9) + 20_000 * 1000 + 5;

test("is the number of the interval, and beyond what the client has where that is not behind", () => {
  fc.assert(
    fc.property(fc.nat({ max: 3000 }), fc.nat(), (given, seed) => {
      const cursor = Number(nextCursor(String(given), NOW_MS, seededRandom(seed)));
      if (given < 1000) expect(cursor).toBe(1000);
      else {
        expect(cursor).toBeGreaterThan(given);
        expect(cursor).toBeLessThanOrEqual(given + 180);
      }
    }),
  );
});

test.each([undefined, "", "x", "-5", "1e9", "9".repeat(40)])("%j counts as none", (given) => {
  expect(nextCursor(given, NOW_MS, seededRandom(1))).toBe("1000");
});
