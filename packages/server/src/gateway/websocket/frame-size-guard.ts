/**
 * Reads along with the raw bytes of a peer and finds the first frame that is larger than allowed. `ws` bounds whole
 * messages but not single frames, so this is what `enforce_inbound_frame_size` adds. Only headers are looked at, payloads
 * are skipped, and nothing is buffered but the few bytes of a header that a packet cut in two.
 */

/** RFC 6455: two bytes, up to eight more of length, four of mask. */
const MAX_HEADER_BYTES = 14;

export class FrameSizeGuard {
  readonly #maxFrameBytes: number;
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES);
  #headerBytes = 0;
  #payloadBytesLeft = 0;
  #oversizedBytes: number | undefined;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** The payload length of the first frame beyond the limit, from the moment its header has been read. */
  inspect(bytes: Uint8Array): number | undefined {
    let offset = 0;
    while (offset < bytes.length && this.#oversizedBytes === undefined) {
      offset =
        this.#payloadBytesLeft > 0 ? this.#skipPayload(bytes, offset) : this.#readHeader(bytes, offset);
    }
    return this.#oversizedBytes;
  }

  #skipPayload(bytes: Uint8Array, offset: number): number {
    const skippedBytes = Math.min(this.#payloadBytesLeft, bytes.length - offset);
    this.#payloadBytesLeft -= skippedBytes;
    return offset + skippedBytes;
  }

  #readHeader(bytes: Uint8Array, start: number): number {
    let offset = start;
    while (offset < bytes.length && this.#headerBytes < this.#neededHeaderBytes()) {
      this.#header[this.#headerBytes] = bytes[offset]!;
      this.#headerBytes += 1;
      offset += 1;
    }
    if (this.#headerBytes === this.#neededHeaderBytes()) this.#endHeader();
    return offset;
  }

  #neededHeaderBytes(): number {
    if (this.#headerBytes < 2) return 2;
    const secondByte = this.#header[1]!;
    return 2 + extendedLengthBytes(secondByte & 0x7f) + ((secondByte & 0x80) === 0 ? 0 : 4);
  }

  #endHeader(): void {
    const payloadBytes = this.#payloadBytes();
    this.#headerBytes = 0;
    if (payloadBytes > this.#maxFrameBytes) this.#oversizedBytes = payloadBytes;
    else this.#payloadBytesLeft = payloadBytes;
  }

  #payloadBytes(): number {
    const shortLength = this.#header[1]! & 0x7f;
    if (shortLength === 126) return this.#header.readUInt16BE(2);
    if (shortLength === 127) return this.#header.readUInt32BE(2) * 2 ** 32 + this.#header.readUInt32BE(6);
    return shortLength;
  }
}

function extendedLengthBytes(shortLength: number): number {
  if (shortLength === 126) return 2;
  return shortLength === 127 ? 8 : 0;
}

/** What a `net.Socket` offers for reading along. */
export interface ReadableSocket {
  prependListener(event: "data", listener: (bytes: Uint8Array) => void): unknown;
  removeListener(event: "data", listener: (bytes: Uint8Array) => void): unknown;
}

/**
 * Watches a socket that `ws` already reads from; call it before the first turn of the event loop after the upgrade, so
 * that no byte is missed. `onOversized` is called at most once, before `ws` sees the bytes.
 */
export function guardFrameSize(
  socket: ReadableSocket,
  maxFrameBytes: number,
  onOversized: (payloadBytes: number) => void,
): void {
  const guard = new FrameSizeGuard(maxFrameBytes);
  const onData = (bytes: Uint8Array): void => {
    const oversizedBytes = guard.inspect(bytes);
    if (oversizedBytes === undefined) return;
    socket.removeListener("data", onData);
    onOversized(oversizedBytes);
  };
  socket.prependListener("data", onData);
}
