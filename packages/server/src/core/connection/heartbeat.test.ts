import { expect, test } from "vitest";
import { onHeartbeatTimer, onPong, startHeartbeat } from "./heartbeat.ts";

const timing = { pingIntervalMs: 30_000, pongTimeoutMs: 10_000 };

test("HB: pings at the interval, waits for the pong of this checkpoint, gives up in time", () => {
  const start = startHeartbeat(timing, 1_000);
  expect(onHeartbeatTimer(start, timing, 30_999)).toMatchObject({ kind: "wait", wakeAtMs: 31_000 });
  const ping = onHeartbeatTimer(start, timing, 31_000);
  expect(ping).toMatchObject({ kind: "ping", checkpoint: 1, wakeAtMs: 41_000 });
  if (ping.kind !== "ping") return;
  expect(onHeartbeatTimer(ping.state, timing, 40_999)).toMatchObject({ kind: "wait" });
  expect(onHeartbeatTimer(ping.state, timing, 41_000)).toEqual({ kind: "dead" });
});

test("HB: only the pong of the open ping counts", () => {
  const start = startHeartbeat(timing, 0);
  expect(onPong(start, 0, timing, 5)).toBeUndefined();
  const ping = onHeartbeatTimer(start, timing, 30_000);
  if (ping.kind !== "ping") throw new Error("no ping");
  expect(onPong(ping.state, 7, timing, 30_001)).toBeUndefined();
  const answered = onPong(ping.state, 1, timing, 30_050);
  expect(answered).toMatchObject({ wakeAtMs: 60_000, state: { kind: "resting", checkpoint: 1 } });
  expect(onPong(answered!.state, 1, timing, 30_060)).toBeUndefined();
});

test("SSE-6: where pings are not answered, they go on and nothing is waited for", () => {
  const unanswered = { pingIntervalMs: 30_000, pongTimeoutMs: undefined };
  const first = onHeartbeatTimer(startHeartbeat(unanswered, 0), unanswered, 30_000);
  expect(first).toMatchObject({ kind: "beat", checkpoint: 1, wakeAtMs: 60_000 });
  if (first.kind !== "beat") return;
  expect(onPong(first.state, 1, unanswered, 30_001)).toBeUndefined();
  expect(onHeartbeatTimer(first.state, unanswered, 60_000)).toMatchObject({ kind: "beat", checkpoint: 2 });
});
