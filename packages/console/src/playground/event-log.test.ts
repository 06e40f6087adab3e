import { expect, test } from "vitest";
import { clockTime, type LinkEvent, MAX_EVENTS, withEvent } from "./event-log.ts";

test("keeps the newest events, newest first, each with its own key", () => {
  let events: readonly LinkEvent[] = [];
  for (let index = 0; index < MAX_EVENTS + 10; index += 1) {
    events = withEvent(events, { atMs: index, text: `event ${index}`, tone: "neutral" });
  }
  expect(events).toHaveLength(MAX_EVENTS);
  expect(events[0]!.text).toBe(`event ${MAX_EVENTS + 9}`);
  expect(new Set(events.map((event) => event.key)).size).toBe(MAX_EVENTS);
});

test("shows tenths of a second", () => {
  expect(clockTime(new Date(2026, 0, 2, 3, 4, 5, 678).getTime())).toBe("03:04:05.6");
});
