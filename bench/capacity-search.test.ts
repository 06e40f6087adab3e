import { expect, test } from "vitest";
import { highestRate } from "./capacity-search.ts";

async function found(limit: number, options: { startRate?: number; maxRate?: number } = {}) {
  const tried: number[] = [];
  const rate = await highestRate({
    startRate: 100,
    maxRate: 10_000,
    halvingCount: 4,
    ...options,
    holds: async (tryRate) => {
      tried.push(tryRate);
      return tryRate <= limit;
    },
  });
  return { rate, tried };
}

test("the answer holds, and a twentieth more does not", async () => {
  for (const limit of [100, 137, 950, 3_333]) {
    const { rate, tried } = await found(limit);
    expect(rate).toBeLessThanOrEqual(limit);
    expect(rate * 1.05).toBeGreaterThan(limit);
    expect(tried.length).toBeLessThan(13);
  }
});

test("a limit below the first rate is found on the way down", async () => {
  const { rate } = await found(30);
  expect(rate).toBeLessThanOrEqual(30);
  expect(rate).toBeGreaterThan(28);
});

test("there may be none, and none above the bound is tried", async () => {
  expect((await found(0)).rate).toBe(0);
  const unbounded = await found(1e9, { maxRate: 500 });
  expect(unbounded).toEqual({ rate: 400, tried: [100, 200, 400] });
});
