import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeFrames, encodeFrame } from "./raw-frame.ts";

const payload = fc
  .tuple(fc.constantFrom(0, 1, 125, 126, 127, 65_535, 65_536), fc.nat(255))
  .map(([length, byte]) => Buffer.alloc(length, byte));

test("frames that arrive in any pieces are read as they were", () => {
  const frames = fc.array(fc.record({ opcode: fc.nat(15), payload, isFinal: fc.boolean() }), {
    maxLength: 4,
  });
  const property = fc.property(frames, fc.integer({ min: 1, max: 5_000 }), (given, pieceBytes) => {
    const bytes = Buffer.concat(
      given.map(({ opcode, payload: content, isFinal }) =>
        encodeFrame(opcode, content, { isFinal, isMasked: false }),
      ),
    );
    const read = [];
    let rest: Buffer = Buffer.alloc(0);
    for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
      const decoded = decodeFrames(Buffer.concat([rest, bytes.subarray(offset, offset + pieceBytes)]));
      read.push(...decoded.frames);
      rest = decoded.rest;
    }
    expect(rest).toHaveLength(0);
    expect(
      read.map(({ opcode, payload: content, isFinal }) => ({ opcode, payload: content, isFinal })),
    ).toEqual(given);
  });
  fc.assert(property, { numRuns: 60 });
});

test("the first byte carries what was asked for, and the mask is applied", () => {
  const frame = encodeFrame(1, "abc", { isFinal: false, reservedBits: 0x40 });
  expect([frame[0], frame[1]]).toEqual([0x41, 0x83]);
  const [, , ...rest] = frame;
  const unmasked = rest.slice(4).map((byte, index) => byte ^ rest[index % 4]!);
  expect(Buffer.from(unmasked).toString()).toBe("abc");
});
