import { describe, expect, test } from "vitest";
import { DEATHS_WITHIN_MS, decideRestart, MAX_DEATHS } from "./restart-decision.ts";

/** The delays that one death each `everyMs` leads to, until it is given up. */
function delaysOf(everyMs: number, deathCount: number): (number | "give-up")[] {
  const delays: (number | "give-up")[] = [];
  let deathTimesMs: readonly number[] = [];
  for (let index = 0; index < deathCount; index += 1) {
    const decision = decideRestart(deathTimesMs, index * everyMs);
    if (decision.kind === "give-up") return [...delays, "give-up"];
    delays.push(decision.delayMs);
    deathTimesMs = decision.deathTimesMs;
  }
  return delays;
}

describe("a process that has died", () => {
  test("is replaced at once, and later each time it dies again", () => {
    expect(delaysOf(1_000, 5)).toEqual([0, 100, 200, 400, 800]);
  });

  test("is given up when it keeps on dying", () => {
    const delays = delaysOf(1_000, 100);
    expect(delays).toHaveLength(MAX_DEATHS);
    expect(delays.at(-1)).toBe("give-up");
  });

  test("is never given up when it lives longer in between", () => {
    expect(delaysOf(DEATHS_WITHIN_MS, 100)).toEqual(Array.from({ length: 100 }, () => 0));
  });

  test("is remembered for as long as it counts", () => {
    const decision = decideRestart([0, 30_000], DEATHS_WITHIN_MS);
    expect(decision).toMatchObject({ deathTimesMs: [30_000, DEATHS_WITHIN_MS] });
  });
});
