/** Building of server-side WebSocket frames (RFC 6455, section 5.2): never masked. */

export interface TextFramesOptions {
  /** Most payload bytes in one frame; a longer message is sent in fragments. */
  readonly maxFrameBytes: number;
  /** The payload is compressed (RFC 7692): the first frame says so. */
  readonly isDeflated: boolean;
}

const FIN = 0x80;
const RSV1 = 0x40;
const OPCODE_CONTINUATION = 0x0;
const OPCODE_TEXT = 0x1;

const MAX_7_BIT_LENGTH = 125;
const MAX_16_BIT_LENGTH = 0xffff;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

/** The frames of one text message, back to back in one buffer. */
export function textFrames(payload: Uint8Array | string, options: TextFramesOptions): Buffer {
  const { maxFrameBytes } = options;
  const payloadBytes = typeof payload === "string" ? Buffer.byteLength(payload) : payload.length;
  const firstByte = OPCODE_TEXT | (options.isDeflated ? RSV1 : 0);

  // All frames but the last carry exactly `maxFrameBytes`.
  const fullFrames = payloadBytes > maxFrameBytes ? Math.ceil(payloadBytes / maxFrameBytes) - 1 : 0;
  const lastBytes = payloadBytes - fullFrames * maxFrameBytes;
  const fullHeaderBytes = headerBytes(maxFrameBytes);
  const allHeaderBytes = fullFrames * fullHeaderBytes + headerBytes(lastBytes);
  const frames = Buffer.allocUnsafe(allHeaderBytes + payloadBytes);

  // The text is encoded once, at the far end, and each fragment then moves forward to its place. A fragment never
  // moves over one that has yet to move: before it lie no more headers than the gap has room for.
  if (typeof payload === "string") frames.write(payload, allHeaderBytes, "utf8");
  else frames.set(payload, allHeaderBytes);

  let from = allHeaderBytes;
  let to = 0;
  for (let index = 0; index < fullFrames; index += 1) {
    to = writeHeader(frames, to, index === 0 ? firstByte : OPCODE_CONTINUATION, maxFrameBytes);
    frames.copyWithin(to, from, from + maxFrameBytes);
    from += maxFrameBytes;
    to += maxFrameBytes;
  }
  writeHeader(frames, to, FIN | (fullFrames === 0 ? firstByte : OPCODE_CONTINUATION), lastBytes);
  return frames;
}

/**
 * Where the frame that starts at `start` ends. Only for frames that this server built: they are whole and not masked.
 * Damaged input ends at the end of the bytes.
 */
export function frameEnd(bytes: Uint8Array, start: number): number {
  const shortLength = bytes[start + 1]! & 0x7f;
  let end = start + 2 + shortLength;
  if (shortLength === LENGTH_IN_16_BITS) {
    end = start + 4 + (bytes[start + 2]! * 0x100 + bytes[start + 3]!);
  } else if (shortLength === LENGTH_IN_64_BITS) {
    let length = 0;
    for (let index = 0; index < 8; index += 1) length = length * 0x100 + bytes[start + 2 + index]!;
    end = start + 10 + length;
  }
  const isInside = end < bytes.length;
  return isInside ? end : bytes.length;
}

function headerBytes(payloadBytes: number): number {
  if (payloadBytes <= MAX_7_BIT_LENGTH) return 2;
  return payloadBytes <= MAX_16_BIT_LENGTH ? 4 : 10;
}

/** Returns where the payload begins. */
function writeHeader(target: Buffer, start: number, firstByte: number, payloadBytes: number): number {
  target[start] = firstByte;
  if (payloadBytes <= MAX_7_BIT_LENGTH) {
    target[start + 1] = payloadBytes;
    return start + 2;
  }
  if (payloadBytes <= MAX_16_BIT_LENGTH) {
    target[start + 1] = LENGTH_IN_16_BITS;
    target.writeUInt16BE(payloadBytes, start + 2);
    return start + 4;
  }
  target[start + 1] = LENGTH_IN_64_BITS;
  target.writeUInt32BE(Math.floor(payloadBytes / 2 ** 32), start + 2);
  target.writeUInt32BE(payloadBytes % 2 ** 32, start + 6);
  return start + 10;
}
