import { describe, expect, test } from "vitest";
import { type AppendAsked, decideAppend } from "./append-decision.ts";
import { MAX_PRODUCERS, PRODUCER_MEMORY_MS, type ProducerState, type StreamState } from "./stream-state.ts";

const NOW_MS = 1_760_000_000_000;
const place = { seq: 3, bytes: 10, tag: "t" };
const open: StreamState = {
  config: { life: "l", contentType: "text/plain" },
  createdSeq: 1,
  seqBase: 0,
  start: { seq: 1, bytes: 0, tag: "s" },
  tail: place,
  inherited: [],
  isClosed: false,
  isDeleted: false,
  producers: new Map(),
  forks: new Map(),
  checkpointSeq: 1,
  bytesSinceCheckpoint: 0,
};
const plain: AppendAsked = {
  producer: undefined,
  streamSeq: undefined,
  isClosing: false,
  contentType: "text/plain",
  byteCount: 5,
};
const closeOnly: AppendAsked = { ...plain, isClosing: true, contentType: undefined, byteCount: 0 };

function known(epoch: number, seq: number, atMs = NOW_MS): StreamState["producers"] {
  return new Map<string, ProducerState>([["p", { epoch, seq, atMs }]]);
}

function decide(state: StreamState, asked: AppendAsked) {
  try {
    return decideAppend(state, asked, NOW_MS, { maxStreamBytes: 100 });
  } catch (fault) {
    const { status, code, headers } = fault as { status: number; code: string; headers: object };
    return { status, code, headers };
  }
}

describe("a producer", () => {
  test.each([
    ["begins with 0", undefined, [0, 0], "append"],
    ["begins in any epoch", undefined, [7, 0], "append"],
    ["goes on", [0, 4], [0, 5], "append"],
    ["repeats the last", [0, 4], [0, 4], "duplicate"],
    ["repeats an earlier one", [0, 4], [0, 0], "duplicate"],
    ["starts a new epoch", [0, 4], [1, 0], "append"],
  ] as const)("%s", (_what, before, [epoch, seq], decision) => {
    const state = before === undefined ? open : { ...open, producers: known(before[0], before[1]) };
    expect(decide(state, { ...plain, producer: { id: "p", epoch, seq } })).toBe(decision);
  });

  test.each([
    ["leaves a gap", [0, 4], [0, 6], 409, { "producer-expected-seq": "5", "producer-received-seq": "6" }],
    ["begins late", undefined, [0, 2], 409, { "producer-expected-seq": "0", "producer-received-seq": "2" }],
    ["starts an epoch late", [0, 4], [1, 3], 400, {}],
    ["is of an epoch that is over", [2, 0], [1, 0], 403, { "producer-epoch": "2" }],
  ] as const)("that %s is refused", (_what, before, [epoch, seq], status, headers) => {
    const state = before === undefined ? open : { ...open, producers: known(before[0], before[1]) };
    expect(decide(state, { ...plain, producer: { id: "p", epoch, seq } })).toMatchObject({ status, headers });
  });

  test("is refused where there are too many, unless some were silent for long", () => {
    const producers = new Map(
      Array.from({ length: MAX_PRODUCERS }, (_, index): [string, ProducerState] => [
        `p${index}`,
        { epoch: 0, seq: 0, atMs: NOW_MS },
      ]),
    );
    const asked = { ...plain, producer: { id: "new", epoch: 0, seq: 0 } };
    expect(decide({ ...open, producers }, asked)).toMatchObject({ status: 409 });
    producers.set("p0", { epoch: 0, seq: 0, atMs: NOW_MS - PRODUCER_MEMORY_MS });
    expect(decide({ ...open, producers }, asked)).toBe("append");
  });
});

describe("a closed stream", () => {
  const closed: StreamState = { ...open, isClosed: true, producers: known(1, 3) };

  test("is closed already, and answers again what was appended before", () => {
    expect(decide(closed, closeOnly)).toBe("closed");
    expect(decide(closed, { ...plain, producer: { id: "p", epoch: 1, seq: 3 } })).toBe("duplicate");
    expect(decide(closed, { ...closeOnly, producer: { id: "p", epoch: 1, seq: 2 } })).toBe("duplicate");
  });

  test.each([
    ["content", plain],
    ["content of a producer", { ...plain, producer: { id: "p", epoch: 1, seq: 4 } }],
    ["the close of another producer", { ...closeOnly, producer: { id: "q", epoch: 0, seq: 0 } }],
  ])("takes no %s, and says where it ends", (_what, asked) => {
    expect(decide(closed, asked)).toMatchObject({
      status: 409,
      headers: {
        "stream-closed": "true",
        "stream-next-offset": "0000000000000003_0000000000000010_t",
      },
    });
  });
});

test("the content type has to be that of the stream, but for what is only closed", () => {
  expect(decide(open, { ...plain, contentType: "TEXT/plain; charset=utf-8" })).toBe("append");
  expect(decide(open, { ...plain, contentType: "application/json" })).toMatchObject({ status: 409 });
  expect(decide(open, closeOnly)).toBe("append");
});

test("Stream-Seq grows as text does", () => {
  const state = { ...open, streamSeq: "2" };
  expect(decide(state, { ...plain, streamSeq: "20" })).toBe("append");
  expect(decide(state, { ...plain, streamSeq: "10" })).toMatchObject({ status: 409 });
  expect(decide(state, { ...plain, streamSeq: "2" })).toMatchObject({ status: 409 });
  expect(decide(state, { ...plain, streamSeq: "B" })).toBe("append");
  expect(decide({ ...open, streamSeq: "a" }, { ...plain, streamSeq: "B" })).toMatchObject({ status: 409 });
});

test("a stream holds so much and not a byte more", () => {
  expect(decide(open, { ...plain, byteCount: 90 })).toBe("append");
  expect(decide(open, { ...plain, byteCount: 91 })).toMatchObject({ status: 413, code: "RECORD_TOO_LARGE" });
});
