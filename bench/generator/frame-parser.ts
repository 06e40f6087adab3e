/** A WebSocket parser for what servers send: no mask, no extensions, payloads handed out where they lie. */
export type OnFrame = (opcode: number, bytes: Buffer, start: number, end: number) => void;

export const OPCODE = { continuation: 0x0, text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;

const FINAL_BIT = 0x80;
const NOTHING = Buffer.alloc(0);

export class FrameParser {
  readonly #onFrame: OnFrame;
  #rest: Buffer = NOTHING;
  #wantedBytes = 0;
  #dataFrameCount = 0;
  /** Pieces of a message that came without its end. */
  #fragments: Buffer[] = [];

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** Frames that carry text, each fragment by itself. */
  get dataFrameCount(): number {
    return this.#dataFrameCount;
  }

  /** @throws when the server sends what a server may not send */
  push(piece: Buffer): void {
    const bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    if (bytes.length < this.#wantedBytes) {
      this.#rest = bytes;
      return;
    }
    let offset = 0;
    this.#wantedBytes = 0;
    while (bytes.length - offset >= 2) {
      const end = this.#frameAt(bytes, offset);
      if (end === undefined) break;
      offset = end;
    }
    this.#rest = offset === bytes.length ? NOTHING : bytes.subarray(offset);
  }

  /** Where the frame ends; `undefined` when not all of it is here. */
  #frameAt(bytes: Buffer, offset: number): number | undefined {
    const shortLength = bytes[offset + 1]!;
    if (shortLength > 127) throw new Error("The server sent a masked frame");
    const start = offset + (shortLength === 126 ? 4 : shortLength === 127 ? 10 : 2);
    if (bytes.length < start) return undefined;
    let payloadBytes = shortLength;
    if (shortLength === 126) payloadBytes = bytes.readUInt16BE(offset + 2);
    if (shortLength === 127) payloadBytes = Number(bytes.readBigUInt64BE(offset + 2));
    const end = start + payloadBytes;
    if (bytes.length < end) {
      this.#wantedBytes = end - offset;
      return undefined;
    }
    this.#take(bytes[offset]!, bytes, start, end);
    return end;
  }

  #take(firstByte: number, bytes: Buffer, start: number, end: number): void {
    const opcode = firstByte & 0x0f;
    const isFinal = (firstByte & FINAL_BIT) !== 0;
    const isControl = opcode >= OPCODE.close;
    if (!isControl) this.#dataFrameCount += 1;
    if (isControl || (isFinal && opcode !== OPCODE.continuation)) {
      this.#onFrame(opcode, bytes, start, end);
      return;
    }
    this.#fragments.push(bytes.subarray(start, end));
    if (!isFinal) return;
    const whole = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#onFrame(OPCODE.text, whole, 0, whole.length);
  }
}

/**
 * A client's frame. The mask is all zeros: the server's work to take it off is the same, and ours to put it on is none.
 */
export function clientFrame(opcode: number, payload: Buffer): Buffer {
  const headerBytes = payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10;
  const frame = Buffer.alloc(headerBytes + 4 + payload.length);
  frame[0] = FINAL_BIT | opcode;
  frame[1] = 0x80 | (headerBytes === 2 ? payload.length : headerBytes === 4 ? 126 : 127);
  if (headerBytes === 4) frame.writeUInt16BE(payload.length, 2);
  if (headerBytes === 10) frame.writeBigUInt64BE(BigInt(payload.length), 2);
  payload.copy(frame, headerBytes + 4);
  return frame;
}
