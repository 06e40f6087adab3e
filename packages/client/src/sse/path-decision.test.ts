import { expect, test } from "vitest";
import { INITIAL_PATH, nextTransport, probeDelayMs } from "./path-decision.ts";

test("the other way is taken, unless it failed or a WebSocket is due", () => {
  expect(nextTransport(INITIAL_PATH)).toBe("sse");
  expect(nextTransport({ triesLeft: 0, hasSseFailed: true })).toBe("websocket");
  expect(nextTransport({ triesLeft: 1, hasSseFailed: false })).toBe("websocket");
});

test("probes become rare, are spread, and never stop", () => {
  expect(probeDelayMs(0, 0)).toBe(30_000);
  expect(probeDelayMs(0, 1)).toBe(60_000);
  expect(probeDelayMs(2, 1)).toBe(240_000);
  expect(probeDelayMs(1_000, 1)).toBe(1_800_000);
});
