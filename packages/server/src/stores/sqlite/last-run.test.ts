import { expect, test } from "vitest";
import { isContinuityProven } from "./last-run.ts";

test.each([
  [undefined, "b1", true],
  [{ durability: "power-loss", bootId: "b1", isClean: false }, "b2", true],
  [{ durability: "power-loss", bootId: "", isClean: false }, "", true],
  [{ durability: "process-crash", bootId: "b1", isClean: true }, "b2", true],
  [{ durability: "process-crash", bootId: "b1", isClean: false }, "b1", true],
  [{ durability: "process-crash", bootId: "b1", isClean: false }, "b2", false],
  [{ durability: "process-crash", bootId: "b1", isClean: false }, "", false],
  [{ durability: "process-crash", bootId: "", isClean: false }, "", false],
] as const)("continuity after %j at start %j of the machine: %j", (lastRun, bootId, isProven) => {
  expect(isContinuityProven(lastRun, bootId)).toBe(isProven);
});
