import { PassThrough } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameSizeGuard, guardFrameSize } from "./frame-size-guard.ts";

interface ClientFrame {
  readonly opcode: number;
  readonly payloadBytes: number;
  readonly isMasked: boolean;
  /** Bytes of the length field; more than needed is legal for this purpose. */
  readonly lengthBytes: 0 | 2 | 8;
}

const frameArbitrary: fc.Arbitrary<ClientFrame> = fc
  .record({
    opcode: fc.constantFrom(0x00, 0x01, 0x02, 0x80, 0x81, 0x88, 0x89, 0x8a, 0xc1),
    payloadBytes: fc.oneof(
      fc.integer({ min: 0, max: 130 }),
      fc.constantFrom(999, 1000, 1001, 65_535, 65_536),
    ),
    isMasked: fc.boolean(),
    isLong: fc.boolean(),
  })
  .map(({ isLong, ...frame }) => ({ ...frame, lengthBytes: lengthBytesFor(frame.payloadBytes, isLong) }));

function lengthBytesFor(payloadBytes: number, isLong: boolean): 0 | 2 | 8 {
  if (payloadBytes > 0xffff || isLong) return 8;
  return payloadBytes > 125 ? 2 : 0;
}

function headerOf(frame: ClientFrame): Buffer {
  const maskBit = frame.isMasked ? 0x80 : 0;
  // A mask of bytes that look like headers, to catch a reader that is out of step.
  const mask = Buffer.from(frame.isMasked ? [0x81, 0xff, 0xff, 0xff] : []);
  if (frame.lengthBytes === 0)
    return Buffer.concat([Buffer.from([frame.opcode, maskBit | frame.payloadBytes]), mask]);
  const length = Buffer.alloc(frame.lengthBytes);
  if (frame.lengthBytes === 2) length.writeUInt16BE(frame.payloadBytes);
  else length.writeBigUInt64BE(BigInt(frame.payloadBytes));
  return Buffer.concat([
    Buffer.from([frame.opcode, maskBit | (frame.lengthBytes === 2 ? 126 : 127)]),
    length,
    mask,
  ]);
}

function bytesOf(frames: readonly ClientFrame[]): Buffer {
  return Buffer.concat(frames.flatMap((frame) => [headerOf(frame), Buffer.alloc(frame.payloadBytes, 0xff)]));
}

describe("FrameSizeGuard", () => {
  test("finds the first frame above the limit and nothing else, however the bytes are split", () => {
    const splits = fc.infiniteStream(
      fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })),
    );
    fc.assert(
      fc.property(fc.array(frameArbitrary, { maxLength: 8 }), splits, (frames, splits) => {
        const maxFrameBytes = 1000;
        const expected = frames.find((frame) => frame.payloadBytes > maxFrameBytes)?.payloadBytes;
        const guard = new FrameSizeGuard(maxFrameBytes);
        const bytes = bytesOf(frames);
        let found: number | undefined;
        for (let offset = 0; offset < bytes.length && found === undefined; ) {
          const end = Math.min(bytes.length, offset + (splits.next().value as number));
          found = guard.inspect(bytes.subarray(offset, end));
          offset = end;
        }
        expect(found).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  test("reports as soon as the header is there, before any payload", () => {
    const header = headerOf({ opcode: 0x82, payloadBytes: 2 ** 40, isMasked: true, lengthBytes: 8 });
    const guard = new FrameSizeGuard(64 * 1024);
    for (const byte of header.subarray(0, -1)) expect(guard.inspect(Uint8Array.of(byte))).toBeUndefined();
    expect(guard.inspect(header.subarray(-1))).toBe(2 ** 40);
  });

  test("the limit itself is allowed, and the report stays", () => {
    const frame = { opcode: 0x81, isMasked: true, lengthBytes: 2 } as const;
    const guard = new FrameSizeGuard(1000);
    expect(guard.inspect(bytesOf([{ ...frame, payloadBytes: 1000 }]))).toBeUndefined();
    expect(guard.inspect(bytesOf([{ ...frame, payloadBytes: 1001 }]))).toBe(1001);
    expect(guard.inspect(bytesOf([{ ...frame, payloadBytes: 1 }]))).toBe(1001);
  });
});

test("guardFrameSize speaks before the other readers of the socket, once, and then steps aside", () => {
  const socket = new PassThrough();
  const events: string[] = [];
  socket.on("data", () => events.push("reader"));
  guardFrameSize(socket, 1000, (payloadBytes) => events.push(`oversized ${payloadBytes}`));
  const frame = { opcode: 0x81, isMasked: true, lengthBytes: 2 } as const;
  socket.emit("data", bytesOf([{ ...frame, payloadBytes: 500 }]));
  socket.emit("data", bytesOf([{ ...frame, payloadBytes: 2000 }]));
  socket.emit("data", bytesOf([{ ...frame, payloadBytes: 3000 }]));
  expect(events).toEqual(["reader", "oversized 2000", "reader", "reader"]);
  expect(socket.listenerCount("data")).toBe(1);
});
