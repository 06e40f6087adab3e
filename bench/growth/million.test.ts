import { expect, test } from "vitest";
import { millionOnPaper } from "./million.ts";

const line = (intercept: number, slope: number) => ({ intercept, slope, r2: 1 });

test("memory, cores and processes follow from the lines", () => {
  // 16 KiB and 0.0004% of a core a session, 4 µs a token.
  const paper = millionOnPaper({
    memory: line(100, 16 / 1024),
    heartbeat: line(1, 0.0004),
    tokenMicros: 4,
    bytesPerToken: 50,
  });
  expect(paper.heartbeatCores).toBeCloseTo(4, 9);
  expect(paper.tokenCores).toBeCloseTo(2, 9);
  // 6 cores at half a core each; memory alone would need 9.
  expect(paper.processCount).toBe(12);
  expect(paper.memoryGib).toBeCloseTo((1_200 + 15_625) / 1024, 6);
  expect(paper.wireMibPerSec).toBeCloseTo(23.84, 2);
});

test("where memory is the limit it decides how many processes, and a falling line is no gain", () => {
  const paper = millionOnPaper({
    memory: line(48, 0.1),
    heartbeat: line(1, -0.1),
    tokenMicros: 0.001,
    bytesPerToken: undefined,
  });
  expect(paper.processCount).toBe(50);
  expect(paper.sessionsPerProcess).toBe(20_000);
  expect(paper.heartbeatCores).toBe(0);
  expect(paper.wireMibPerSec).toBeUndefined();
});
