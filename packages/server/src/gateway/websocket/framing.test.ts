import { inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { createDeflateFraming, createPlainFraming, FramingSet, type WindowBits } from "./framing.ts";

const limits = { maxFrameBytes: 64 * 1024, compressionThresholdBytes: 1000 };
const RSV1 = 0x40;

/** Does not repeat within the smallest window, so a stream with a wrong window shows. */
function repeatingFarApart(): string {
  const block = Array.from({ length: 3000 }, (_, index) => (index * 2654435761).toString(36)).join("");
  return block + block;
}

/** What a receiver does with one compressed frame (RFC 7692 section 7.2.2). */
function inflateFrame(frame: Uint8Array, windowBits?: WindowBits): string {
  const headerBytes = frame[1] === 126 ? 4 : frame[1] === 127 ? 10 : 2;
  const payload = Buffer.concat([frame.subarray(headerBytes), Buffer.from([0, 0, 0xff, 0xff])]);
  const options = { finishFlush: 2, ...(windowBits === undefined ? {} : { windowBits }) };
  return inflateRawSync(payload, options).toString();
}

describe("plain framing", () => {
  test("never compresses", () => {
    const framing = createPlainFraming(limits);
    expect(framing.id).toBe("ws");
    expect(framing.frame("x".repeat(50_000))[0]).toBe(0x81);
  });
});

describe("deflate framing", () => {
  test("compresses only above the threshold, which counts UTF-8 bytes", () => {
    const framing = createDeflateFraming(limits);
    expect(framing.id).toBe("ws+deflate");
    expect(framing.frame("x".repeat(1000))[0]! & RSV1).toBe(0);
    expect(framing.frame("x".repeat(1001))[0]! & RSV1).toBe(RSV1);
    expect(framing.frame("€".repeat(333))[0]! & RSV1).toBe(0);
    expect(framing.frame("€".repeat(334))[0]! & RSV1).toBe(RSV1);
  });

  test("a compressed message is smaller, ends without the flush trailer, and reads back", () => {
    const text = JSON.stringify(Array.from({ length: 500 }, (_, index) => ({ type: "text-delta", index })));
    const frame = createDeflateFraming(limits).frame(text);
    expect(frame.length).toBeLessThan(text.length / 3);
    expect([...frame.subarray(-4)]).not.toEqual([0, 0, 0xff, 0xff]);
    expect(inflateFrame(frame)).toBe(text);
  });

  test("each message stands alone: the same text gives the same bytes again", () => {
    const framing = createDeflateFraming(limits);
    const first = framing.frame("ab".repeat(2000));
    expect(framing.frame("ab".repeat(2000))).toEqual(first);
  });

  test("what does not get smaller is sent plain", () => {
    const framing = createDeflateFraming({ maxFrameBytes: 1024, compressionThresholdBytes: 0 });
    expect(framing.frame("")[0]).toBe(0x81);
    expect(framing.frame("q7")[0]).toBe(0x81);
  });

  test.each([9, 10, 12, 15] as const)("a window of %i bits is kept to", (windowBits) => {
    const text = repeatingFarApart();
    const frame = createDeflateFraming({ ...limits, maxFrameBytes: 1 << 20 }, windowBits).frame(text);
    expect(frame[0]! & RSV1).toBe(RSV1);
    expect(inflateFrame(frame, windowBits)).toBe(text);
  });

  test("a receiver with a small window cannot read the largest: the variants are needed", () => {
    const frame = createDeflateFraming({ ...limits, maxFrameBytes: 1 << 20 }, 15).frame(repeatingFarApart());
    expect(() => inflateFrame(frame, 9)).toThrow();
  });
});

test("a framing set makes each framing once, so equal connections share bytes", () => {
  const framings = new FramingSet(limits);
  expect(framings.forWindow(15)).toBe(framings.forWindow(15));
  expect([undefined, 15, 12, 9].map((bits) => framings.forWindow(bits as WindowBits | undefined).id)).toEqual(
    ["ws", "ws+deflate", "ws+deflate12", "ws+deflate9"],
  );
});
