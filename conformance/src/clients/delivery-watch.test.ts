import { describe, expect, test } from "vitest";
import { DeliveryWatch, SeenRecords } from "./delivery-watch.ts";
import type { WireMessage } from "./wire-message.ts";

const CHANNEL = "c:1";

function message(seq: number, fields: Partial<WireMessage> = {}): WireMessage {
  return { type: "message", channel: CHANNEL, position: `e.${seq}.t${seq}`, data: seq, ...fields };
}

function subscribed(seq: number, fields: Partial<WireMessage> = {}): WireMessage {
  return { type: "subscribed", channel: CHANNEL, position: `e.${seq}.t${seq}`, recovered: true, ...fields };
}

function welcome(subscription: object): WireMessage {
  return { type: "welcome", subscriptions: [{ channel: CHANNEL, recovered: true, ...subscription }] };
}

const reset: WireMessage = { type: "reset", channel: CHANNEL, reason: "trimmed", position: "e.7.t7" };
const execution = (type: string, seq: number) => message(seq, { type, execution_id: "x" });

function rulesBrokenBy(messages: readonly WireMessage[], seen = new SeenRecords(), arePositionsOwn = false) {
  const watch = new DeliveryWatch(seen, arePositionsOwn);
  for (const one of messages) watch.received(one);
  return watch.violations.map(({ rule }) => rule);
}

test.each([
  ["records after subscribed", [subscribed(2), message(3), message(4)]],
  ["a merged chunk", [subscribed(2), message(5, { type: "chunk", n: 3 }), message(6)]],
  ["records after welcome", [welcome({ position: "e.4.t" }), message(5)]],
  ["another place, asked for", [subscribed(2), message(3), subscribed(0), message(1)]],
  ["a reset that was due", [subscribed(7, { recovered: false }), reset, message(8)]],
  ["a reset of a live reader", [subscribed(2), message(3), reset, message(8)]],
  ["an implicit subscription", [message(4), message(5)]],
  [
    "the end of an execution",
    [execution("execution_started", 1), execution("execution_failed", 2), message(3)],
  ],
])("%s is right", (_what, messages) => {
  expect(rulesBrokenBy(messages)).toEqual([]);
});

test.each([
  ["a jump", "DEL-2", [subscribed(2), message(4)]],
  ["a repetition", "DEL-2", [subscribed(2), message(3), message(3)]],
  ["another epoch", "DEL-12", [subscribed(2), message(3, { position: "f.3.t3" })]],
  ["a record before its reset", "DEL-12", [subscribed(7, { recovered: false }), message(8)]],
  [
    "a record before the reset of welcome",
    "DEL-12",
    [welcome({ position: "e.7.t", recovered: false }), message(8)],
  ],
  ["a frame that covers nothing", "DEL-1", [subscribed(2), message(3, { n: 0 })]],
  [
    "a record after unsubscribed",
    "SUB-11",
    [subscribed(2), { type: "unsubscribed", channel: CHANNEL }, message(3)],
  ],
  ["a second end", "EXE-3", [execution("execution_failed", 1), execution("execution_completed", 2)]],
  ["a chunk after the end", "EXE-3", [execution("execution_failed", 1), execution("chunk", 2)]],
])("%s breaks %s", (_what, rule, messages) => {
  expect(rulesBrokenBy(messages)).toContain(rule);
});

describe("records that were seen before", () => {
  test("are the same on every connection, however their fields are ordered", () => {
    const seen = new SeenRecords();
    rulesBrokenBy([message(1, { data: { a: 1, b: { c: 2, d: 3 } } })], seen);
    expect(rulesBrokenBy([message(1, { data: { b: { d: 3, c: 2 }, a: 1 } })], seen)).toEqual([]);
  });

  test("break POS-4 when they are others", () => {
    const seen = new SeenRecords();
    rulesBrokenBy([message(1)], seen);
    expect(rulesBrokenBy([message(1, { data: "other" })], seen)).toEqual(["POS-4"]);
  });

  test("may be merged, or be a skip for another session", () => {
    const seen = new SeenRecords();
    rulesBrokenBy([message(1), message(2)], seen);
    expect(rulesBrokenBy([message(1, { type: "skip" }), message(3, { type: "chunk", n: 2 })], seen)).toEqual(
      [],
    );
  });
});

test("with positions of its own a client waits for subscribed, not for what welcome says", () => {
  const messages = [welcome({ position: "e.9.t", recovered: false }), subscribed(2), message(3)];
  expect(rulesBrokenBy(messages, new SeenRecords(), true)).toEqual([]);
});
