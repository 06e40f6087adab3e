import { describe, expect, test } from "vitest";
import { decideSignal, RUNNING, signalExitCode } from "./shutdown.ts";

describe("decideSignal", () => {
  test("the first signal stops, one delivered twice is one, another one stops at once", () => {
    const first = decideSignal(RUNNING, 1000);
    expect(first.decision).toBe("stop");
    const repeated = decideSignal(first.state, 1100);
    expect(repeated.decision).toBe("ignore");
    expect(decideSignal(repeated.state, 1299).decision).toBe("ignore");
    expect(decideSignal(repeated.state, 1300).decision).toBe("stop-at-once");
  });

  test("the exit code is what a shell reports", () => {
    expect(signalExitCode("SIGINT")).toBe(130);
    expect(signalExitCode("SIGTERM")).toBe(143);
  });
});
