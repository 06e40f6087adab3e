import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { scanMarks } from "../mark.ts";
import { plainWsDialect } from "./dialects/plain-ws.ts";
import { type MessagePace, MessageSource } from "./message-source.ts";
import { Tally } from "./tally.ts";
import { Viewer } from "./viewer.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

function sourceOf(pace: MessagePace) {
  const publisher = new Viewer({ id: "p", dialect: plainWsDialect(), tally: new Tally() });
  const sent: (readonly string[])[] = [];
  publisher.send = (texts) => void sent.push(texts);
  return { source: new MessageSource({ publisher, channel: "a", messageBytes: 100, pace }), sent };
}

test("at a pace messages come one at a time, numbered, and of the size that was asked for", () => {
  const { source, sent } = sourceOf({ kind: "paced", messagesPerSec: 10, burstCount: 1 });
  source.begin();
  vi.advanceTimersByTime(2_000);
  source.end();
  vi.advanceTimersByTime(2_000);
  expect(sent.map((texts) => texts.length)).toEqual(Array.from({ length: 20 }, () => 1));
  const { data } = JSON.parse(sent[7]![0]!) as { readonly data: object };
  expect(JSON.stringify(data)).toHaveLength(100);
  const indexes: number[] = [];
  const bytes = Buffer.from(sent.flat().join(""));
  scanMarks(bytes, 0, bytes.length, (index) => indexes.push(index));
  expect(indexes).toEqual(Array.from({ length: 20 }, (_, at) => at));
});

test("bursts keep the rate and come whole", () => {
  const { source, sent } = sourceOf({ kind: "paced", messagesPerSec: 100, burstCount: 10 });
  source.begin();
  vi.advanceTimersByTime(1_000);
  expect(sent.map((texts) => texts.length)).toEqual(Array.from({ length: 10 }, () => 10));
});

test("begun again it goes on with the next number, also at another speed", () => {
  const { source, sent } = sourceOf({ kind: "paced", messagesPerSec: 10, burstCount: 1 });
  source.begin(4);
  vi.advanceTimersByTime(1_000);
  source.end();
  source.begin();
  vi.advanceTimersByTime(1_000);
  expect(source.publishedCount).toBe(50);
  expect(sent.flat()).toHaveLength(50);
});

test("as fast as it goes: what has arrived makes room for more", () => {
  let arrivedCount = 0;
  const { source } = sourceOf({ kind: "window", maxInFlight: 64, arrivedCount: () => arrivedCount });
  source.begin();
  expect(source.publishedCount).toBe(64);
  arrivedCount = 10;
  source.onRead();
  expect(source.publishedCount).toBe(74);
  source.end();
  arrivedCount = 74;
  source.onRead();
  expect(source.publishedCount).toBe(74);
});
