import { expect, test } from "vitest";
import { systemRandom } from "./system-random.ts";

test("ids have the asked length and alphabet, and do not repeat", () => {
  const ids = new Set<string>();
  for (const chars of [0, 1, 26, 2000])
    expect(systemRandom.id(chars)).toMatch(new RegExp(`^[0-9a-z]{${chars}}$`));
  for (let draw = 0; draw < 2000; draw += 1) ids.add(systemRandom.id(26));
  expect(ids.size).toBe(2000);
});

test("every character is as likely as any other", () => {
  const drawn = 360_000;
  const counts = new Map<string, number>();
  for (const char of systemRandom.id(drawn)) counts.set(char, (counts.get(char) ?? 0) + 1);
  expect(counts.size).toBe(36);
  // Taking bytes modulo 36 without discarding would put four characters 14 % above the rest; chance alone stays
  // within 6 standard deviations (1 % each) but for one run in some ten million.
  for (const count of counts.values()) expect(Math.abs(count / (drawn / 36) - 1)).toBeLessThan(0.06);
});

test("fractions lie in [0, 1) and fill it evenly", () => {
  const tenths = new Array<number>(10).fill(0);
  for (let draw = 0; draw < 50_000; draw += 1) {
    const fraction = systemRandom.fraction();
    expect(fraction).toBeGreaterThanOrEqual(0);
    expect(fraction).toBeLessThan(1);
    tenths[Math.floor(fraction * 10)]! += 1;
  }
  for (const count of tenths) expect(Math.abs(count / 5000 - 1)).toBeLessThan(0.1);
});
