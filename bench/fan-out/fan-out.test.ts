import { expect, test } from "vitest";
import { measure } from "./measurement.ts";
import { report } from "./report.ts";
import { type Scenario, SUBJECTS } from "./scenario.ts";

const SMALL: Scenario = { answerCount: 2, viewersPerAnswer: 2, tokensPerSecond: 50, durationSecs: 0.2 };

test.each(SUBJECTS)("%s delivers every token to every viewer", async (subject) => {
  const measurement = await measure(subject, SMALL);
  expect(measurement.deliveredCount).toBe(2 * 2 * 10);
  expect(measurement.cpuMicros).toBeGreaterThan(0);
});

test("the report compares medians with the first row", () => {
  const run = { deliveredCount: 100, frameCount: 50, rssBytes: 2 ** 20, p50Ms: 1, p99Ms: 2 };
  const runs = [
    [1_000, 3_000, 2_000].map((cpuMicros) => ({ ...run, subject: "ws" as const, cpuMicros })),
    [9_000, 1_000, 1_000].map((cpuMicros) => ({ ...run, subject: "socket.io" as const, cpuMicros })),
  ];
  expect(report(SMALL, runs).split("\n").slice(-2)).toEqual([
    "| ws | 100 | 2.0 | 20.0 | 1.00 | 1.0 | 2.0 | 1 |",
    "| socket.io | 100 | 2.0 | 10.0 | 0.50 | 1.0 | 2.0 | 1 |",
  ]);
});
