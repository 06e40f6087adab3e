import fc from "fast-check";
import { expect, test } from "vitest";
import { clientFrame, FrameParser, OPCODE } from "./frame-parser.ts";

function serverFrame(firstByte: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10);
  header[0] = firstByte;
  header[1] = header.length === 2 ? payload.length : header.length === 4 ? 126 : 127;
  if (header.length === 4) header.writeUInt16BE(payload.length, 2);
  if (header.length === 10) header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

function parsed(pieces: readonly Buffer[]): { opcode: number; text: string }[] {
  const frames: { opcode: number; text: string }[] = [];
  const parser = new FrameParser((opcode, bytes, start, end) => {
    frames.push({ opcode, text: bytes.toString("utf8", start, end) });
  });
  for (const piece of pieces) parser.push(piece);
  return frames;
}

test("frames come out the same however the bytes are cut", () => {
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.constantFrom(125, 126, 65_535, 65_536)), { maxLength: 6 });
  fc.assert(
    fc.property(sizes, fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1 }), (lengths, cuts) => {
      const texts = lengths.map((length, at) => String(at).repeat(length));
      const bytes = Buffer.concat(texts.map((text) => serverFrame(0x81, Buffer.from(text))));
      const pieces: Buffer[] = [];
      for (let at = 0, cut = 0; at < bytes.length; cut += 1) {
        const end = at + cuts[cut % cuts.length]!;
        pieces.push(bytes.subarray(at, end));
        at = end;
      }
      expect(parsed(pieces)).toEqual(texts.map((text) => ({ opcode: OPCODE.text, text })));
    }),
    { numRuns: 60 },
  );
});

test("byte by byte", () => {
  const bytes = Buffer.concat([
    serverFrame(0x81, Buffer.from("a")),
    serverFrame(0x81, Buffer.alloc(200, "b")),
  ]);
  const pieces = Array.from(bytes, (byte) => Buffer.from([byte]));
  expect(parsed(pieces).map(({ text }) => text.length)).toEqual([1, 200]);
});

test("fragments are one message, and a ping may stand between them", () => {
  const bytes = [serverFrame(0x01, Buffer.from("ab")), serverFrame(0x89, Buffer.from("7"))];
  bytes.push(serverFrame(0x00, Buffer.from("cd")), serverFrame(0x80, Buffer.from("ef")));
  expect(parsed([Buffer.concat(bytes)])).toEqual([
    { opcode: OPCODE.ping, text: "7" },
    { opcode: OPCODE.text, text: "abcdef" },
  ]);
});

test("fragments are counted as the frames they are, and pings are not", () => {
  const parser = new FrameParser(() => {});
  for (const [first, text] of [
    [0x01, "ab"],
    [0x89, "7"],
    [0x80, "ef"],
    [0x81, "whole"],
  ] as const) {
    parser.push(serverFrame(first, Buffer.from(text)));
  }
  expect(parser.dataFrameCount).toBe(3);
});

test("a masked frame of a server is refused", () => {
  expect(() => parsed([clientFrame(OPCODE.text, Buffer.from("x"))])).toThrow("masked");
});

test.each([0, 125, 126, 65_535, 65_536])(
  "a client's frame of %i bytes has its length and an empty mask",
  (length) => {
    const frame = clientFrame(OPCODE.text, Buffer.alloc(length, "x"));
    const headerBytes = frame.length - length;
    expect(headerBytes).toBe(length < 126 ? 6 : length < 65_536 ? 8 : 14);
    expect(frame[0]).toBe(0x81);
    expect(frame.subarray(headerBytes - 4, headerBytes)).toEqual(Buffer.alloc(4));
    // Without its mask bit and its mask it is a server's frame.
    const unmasked = Buffer.concat([frame.subarray(0, headerBytes - 4), frame.subarray(headerBytes)]);
    unmasked[1] = unmasked[1]! & 0x7f;
    expect(parsed([unmasked])[0]?.text.length).toBe(length);
  },
);
