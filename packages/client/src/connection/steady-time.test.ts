import { expect, test } from "vitest";
import { steadyTime } from "./steady-time.ts";

test("goes on with the wall clock, also over a sleep, and never back", () => {
  let wallMs = 1_000;
  const nowMs = steadyTime(() => wallMs);
  const after = (ms: number) => {
    wallMs += ms;
    return nowMs();
  };
  expect(after(0)).toBe(1_000);
  expect(after(50)).toBe(1_050);
  expect(after(3_600_000)).toBe(3_601_050);
  // Set back by an hour: what passes from then on counts.
  expect(after(-3_600_000)).toBe(3_601_050);
  expect(after(20)).toBe(3_601_070);
  expect(after(-5)).toBe(3_601_070);
  expect(after(30)).toBe(3_601_100);
});
