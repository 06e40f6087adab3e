/** WebSocket frames byte by byte (RFC 6455, section 5), so that a case can send what no library would. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  readonly isFinal: boolean;
  /** RSV1: with permessage-deflate, a compressed message begins here. */
  readonly isCompressed: boolean;
  readonly opcode: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

export interface FrameOptions {
  /** @default true */
  readonly isFinal?: boolean;
  /** Clients mask their frames. @default true */
  readonly isMasked?: boolean;
  /** RSV1 to RSV3 as in the first byte of the frame. @default 0 */
  readonly reservedBits?: number;
}

const MASK = Buffer.from([0x1f, 0x83, 0x42, 0xa7]);

export function encodeFrame(opcode: number, payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { isFinal = true, isMasked = true, reservedBits = 0 } = options;
  const bytes = Buffer.from(payload);
  const head = [
    (isFinal ? 0x80 : 0) | reservedBits | opcode,
    (isMasked ? 0x80 : 0) | lengthCode(bytes.length),
  ];
  const length = Buffer.alloc(bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8);
  if (length.length === 2) length.writeUInt16BE(bytes.length);
  if (length.length === 8) length.writeBigUInt64BE(BigInt(bytes.length));
  if (!isMasked) return Buffer.concat([Buffer.from(head), length, bytes]);
  const masked = Buffer.from(bytes.map((byte, index) => byte ^ MASK[index % 4]!));
  return Buffer.concat([Buffer.from(head), length, MASK, masked]);
}

/** The frames that are whole, and the bytes of the one that is not. */
export function decodeFrames(bytes: Buffer): { readonly frames: readonly RawFrame[]; readonly rest: Buffer } {
  const frames: RawFrame[] = [];
  let offset = 0;
  for (;;) {
    const decoded = decodeFrame(bytes.subarray(offset));
    if (decoded === undefined) return { frames, rest: bytes.subarray(offset) };
    frames.push(decoded.frame);
    offset += decoded.byteCount;
  }
}

function decodeFrame(bytes: Buffer): { readonly frame: RawFrame; readonly byteCount: number } | undefined {
  if (bytes.length < 2) return undefined;
  const [first, second] = [bytes[0]!, bytes[1]!];
  const code = second & 0x7f;
  const isMasked = (second & 0x80) !== 0;
  const lengthBytes = code < 126 ? 0 : code === 126 ? 2 : 8;
  const start = 2 + lengthBytes + (isMasked ? 4 : 0);
  if (bytes.length < start) return undefined;
  const length = code < 126 ? code : code === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < start + length) return undefined;
  const frame: RawFrame = {
    isFinal: (first & 0x80) !== 0,
    isCompressed: (first & 0x40) !== 0,
    opcode: first & 0x0f,
    isMasked,
    payload: Buffer.from(bytes.subarray(start, start + length)),
  };
  return { frame, byteCount: start + length };
}

function lengthCode(byteCount: number): number {
  return byteCount < 126 ? byteCount : byteCount < 65_536 ? 126 : 127;
}
