import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frameEnd, textFrames } from "./frame.ts";

interface ParsedFrame {
  readonly firstByte: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
  readonly headerBytes: number;
}

/** Written from RFC 6455 section 5.2, apart from the code that is tested. */
function parseFrames(bytes: Buffer): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const firstByte = bytes[offset]!;
    const isMasked = (bytes[offset + 1]! & 0x80) !== 0;
    let length = bytes[offset + 1]! & 0x7f;
    let headerBytes = 2;
    if (length === 126) {
      length = bytes.readUInt16BE(offset + 2);
      headerBytes = 4;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(offset + 2));
      headerBytes = 10;
    }
    const payload = bytes.subarray(offset + headerBytes, offset + headerBytes + length);
    expect(payload.length).toBe(length);
    frames.push({ firstByte, isMasked, payload, headerBytes });
    offset += headerBytes + length;
  }
  return frames;
}

describe("textFrames", () => {
  test.each([
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
  ])("%i bytes of payload take a header of %i", (payloadBytes, headerBytes) => {
    const frames = parseFrames(
      textFrames("x".repeat(payloadBytes), { maxFrameBytes: 1 << 20, isDeflated: false }),
    );
    expect(frames).toHaveLength(1);
    expect(frames[0]).toMatchObject({ firstByte: 0x81, isMasked: false, headerBytes });
    expect(frames[0]!.payload.toString()).toBe("x".repeat(payloadBytes));
  });

  test("a payload of exactly the frame size is one frame, one byte more makes two", () => {
    const options = { maxFrameBytes: 10, isDeflated: false };
    expect(parseFrames(textFrames("x".repeat(10), options)).map((frame) => frame.firstByte)).toEqual([0x81]);
    expect(
      parseFrames(textFrames("x".repeat(11), options)).map((frame) => [
        frame.firstByte,
        frame.payload.length,
      ]),
    ).toEqual([
      [0x01, 10],
      [0x80, 1],
    ]);
  });

  test("RSV1 is set on the first frame of a compressed message and on no other", () => {
    const frames = parseFrames(textFrames(Buffer.alloc(25), { maxFrameBytes: 10, isDeflated: true }));
    expect(frames.map((frame) => frame.firstByte)).toEqual([0x41, 0x00, 0x80]);
    expect(
      parseFrames(textFrames(Buffer.alloc(5), { maxFrameBytes: 10, isDeflated: true }))[0]!.firstByte,
    ).toBe(0xc1);
  });

  test("any text in frames of any size joins to the same text", () => {
    const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 400 }), fc.constant("é".repeat(70_000)));
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 70_000 }), fc.boolean(), (text, maxFrameBytes, isText) => {
        const payload = isText ? text : new Uint8Array(Buffer.from(text));
        // Thousands of tiny frames prove no more than dozens.
        const frameBytes = text.length > 1000 ? maxFrameBytes + 1000 : maxFrameBytes;
        const bytes = textFrames(payload, { maxFrameBytes: frameBytes, isDeflated: false });
        const frames = parseFrames(bytes);
        expect(Buffer.concat(frames.map((frame) => frame.payload)).toString()).toBe(text);
        const isFinal = frames.map((frame) => (frame.firstByte & 0x80) !== 0);
        expect(isFinal.indexOf(true)).toBe(frames.length - 1);
        expect(frames.every((frame) => frame.payload.length <= frameBytes && !frame.isMasked)).toBe(true);
        expect(frames.map((frame) => frame.firstByte & 0x0f)).toEqual(
          frames.map((_, index) => (index === 0 ? 1 : 0)),
        );
      }),
    );
  });

  test("a given payload is copied: the caller's bytes stay as they were", () => {
    const payload = new Uint8Array([1, 2, 3, 4, 5]);
    textFrames(payload, { maxFrameBytes: 2, isDeflated: false });
    expect([...payload]).toEqual([1, 2, 3, 4, 5]);
  });
});

describe("frameEnd", () => {
  test("steps from frame to frame exactly as the frames were built", () => {
    const sizes = fc.array(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 70_000), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(sizes, (sizes) => {
        const messages = sizes.map((size) =>
          textFrames(Buffer.alloc(size), { maxFrameBytes: 1 << 20, isDeflated: false }),
        );
        const bytes = Buffer.concat(messages);
        const ends: number[] = [];
        for (let end = 0; end < bytes.length; ) {
          end = frameEnd(bytes, end);
          ends.push(end);
        }
        let total = 0;
        expect(ends).toEqual(messages.map((message) => (total += message.length)));
      }),
      { numRuns: 40 },
    );
  });

  test("damaged bytes end at their end", () => {
    for (const bytes of [
      [0x81],
      [0x81, 5, 1],
      [0x81, 126, 1],
      [0x81, 127, 0, 0],
      [0x81, 127, 255, 255, 255, 255, 0, 0, 0, 0],
    ]) {
      expect(frameEnd(Uint8Array.from(bytes), 0)).toBe(bytes.length);
    }
  });
});
