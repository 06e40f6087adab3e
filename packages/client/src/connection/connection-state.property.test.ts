import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type ConnectionEffect,
  type ConnectionEvent,
  type ConnectionState,
  INITIAL_STATE,
  transition,
  wakeAtMs,
} from "./connection-state.ts";

const SETTINGS = {
  connectTimeoutMs: 15_000,
  heartbeat: { idlePingAfterMs: 35_000, pongTimeoutMs: 10_000 },
  backOff: { baseDelayMs: 500, maxDelayMs: 30_000, stableAfterMs: 60_000 },
};

const CLOSE_CODES = [1000, 1001, 1006, 1009, 1011, 1012, 4001, 4008, 4100, 4401, 4409, 4500];

const MAX_RETRY_AFTER_MS = 5_000;
const generation = fc.integer({ min: -1, max: 0 });
const step = fc.record({
  passMs: fc.integer({ min: 0, max: 50_000 }),
  isReceiving: fc.boolean(),
  isNetworkDown: fc.boolean(),
  fraction: fc.double({ min: 0, max: 0.999_999, noNaN: true }),
  event: fc.oneof(
    fc.constantFrom<ConnectionEvent>(
      { type: "connect" },
      { type: "disconnect" },
      { type: "drop" },
      { type: "timer" },
      { type: "visible" },
      { type: "networkUp" },
      { type: "networkDown" },
    ),
    // Relative to the state's: the current one or the one before.
    fc
      .record({ age: generation, isResumed: fc.boolean() })
      .map(({ age, isResumed }): ConnectionEvent => ({ type: "welcomed", generation: age, isResumed })),
    generation.map((age): ConnectionEvent => ({ type: "attemptFailed", generation: age })),
    fc
      .record({
        age: generation,
        code: fc.constantFrom(...CLOSE_CODES),
        retryAfterMs: fc.constantFrom(0, 1_000, MAX_RETRY_AFTER_MS),
      })
      .map(
        ({ age, ...closed }): ConnectionEvent => ({
          type: "socketClosed",
          generation: age,
          reason: "",
          ...closed,
        }),
      ),
    fc.nat(5_000).map((inMs): ConnectionEvent => ({ type: "reconnectAsked", inMs })),
    { arbitrary: fc.constant<ConnectionEvent>({ type: "close" }), weight: 1 },
  ),
});

function atGeneration(event: ConnectionEvent, state: ConnectionState): ConnectionEvent {
  return "generation" in event ? { ...event, generation: state.generation + event.generation } : event;
}

const HOLDS_SOCKET: Record<ConnectionState["name"], boolean> = {
  offline: false,
  connecting: true,
  online: true,
  probing: true,
  waiting: false,
  closed: false,
};

test("whatever happens: one socket at most, bounded delays, closed is final", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let state: ConnectionState = INITIAL_STATE;
      let nowMs = 1_000_000;
      let lastReceivedMs = 0;
      let socketCount = 0;
      for (const { passMs, isReceiving, isNetworkDown, fraction, event: relative } of steps) {
        nowMs += passMs;
        if (isReceiving && HOLDS_SOCKET[state.name]) lastReceivedMs = nowMs;
        const before = state;
        const event = atGeneration(relative, state);
        const next = transition(state, event, {
          nowMs,
          lastReceivedMs,
          isNetworkDown,
          fraction: () => fraction,
          settings: SETTINGS,
        });
        state = next.state;
        const isOwn = "generation" in event && event.generation === before.generation;
        // The socket, or the attempt to get one, has ended by itself.
        if (isOwn && event.type !== "welcomed" && before !== state) socketCount -= 1;
        socketCount = apply(next.effects, socketCount);
        expect(socketCount).toBe(HOLDS_SOCKET[state.name] ? 1 : 0);
        if (before.name === "closed") expect(next).toEqual({ state: before, effects: [] });
        if (state.name === "waiting") {
          expect(state.untilMs - nowMs).toBeLessThanOrEqual(30_000 + MAX_RETRY_AFTER_MS);
        }
        const wakeMs = wakeAtMs(state);
        // Whatever is not at rest wakes up again within a bounded time.
        if (state.name !== "offline" && state.name !== "closed") {
          expect(wakeMs).toBeLessThanOrEqual(nowMs + 30_000 + MAX_RETRY_AFTER_MS);
        }
        expect(state.generation).toBeGreaterThanOrEqual(before.generation);
      }
    }),
    { numRuns: 500 },
  );
});

function apply(effects: readonly ConnectionEffect[], socketCount: number): number {
  let count = socketCount;
  for (const { type } of effects) {
    if (type === "closeSocket") count -= 1;
    if (type === "openSocket") count += 1;
    expect(count).toBeGreaterThanOrEqual(0);
    expect(count).toBeLessThanOrEqual(1);
  }
  return count;
}

test("the delay before an attempt is jittered over its whole range, which doubles up to its bound", () => {
  const delayAfter = (failureCount: number, fraction: number): number => {
    const state: ConnectionState = {
      name: "connecting",
      generation: 1,
      mayTakeBack: false,
      failureCount,
      deadlineMs: 0,
    };
    const context = {
      nowMs: 0,
      lastReceivedMs: 0,
      isNetworkDown: false,
      fraction: () => fraction,
      settings: SETTINGS,
    };
    return wakeAtMs(transition(state, { type: "attemptFailed", generation: 1 }, context).state) ?? Number.NaN;
  };
  expect([0, 1, 2, 3, 6, 7, 50, 5_000].map((failures) => delayAfter(failures, 0.999_999_9))).toEqual([
    499, 999, 1_999, 3_999, 29_999, 29_999, 29_999, 29_999,
  ]);
  expect(delayAfter(9, 0)).toBe(0);
});
