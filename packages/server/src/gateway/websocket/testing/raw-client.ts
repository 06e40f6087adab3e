/** A client that speaks WebSocket byte by byte over TCP, so that a test decides what it sends and when it reads. */
import { connect, type Socket } from "node:net";
import { within } from "./deadline.ts";

export interface RawFrame {
  readonly firstByte: number;
  readonly payload: Buffer;
}

export interface RawClient {
  readonly socket: Socket;
  /** Status line and headers of the server's answer. */
  readonly response: string;
  /** Frames that have arrived whole. */
  readonly frames: RawFrame[];
  send(firstByte: number, payload: Uint8Array): void;
  reset(): void;
}

export interface RawClientOptions {
  /** More header lines of the upgrade. */
  readonly headers?: readonly string[];
  /** Stops reading right after the handshake. */
  readonly isPaused?: boolean;
}

export async function connectRaw(port: number, options: RawClientOptions = {}): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  const request = [
    "GET /ws HTTP/1.1",
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...(options.headers ?? []),
  ];
  socket.write(`${request.join("\r\n")}\r\n\r\n`);
  const { response, rest } = await within("the answer to the upgrade", readResponse(socket));

  const frames: RawFrame[] = [];
  let pieces: Buffer[] = [rest];
  const read = (): void => {
    const bytes = Buffer.concat(pieces);
    pieces = [bytes.subarray(takeFrames(bytes, frames))];
  };
  read();
  socket.on("data", (piece) => {
    pieces.push(piece);
    // Joining at every packet would copy a large message hundreds of times.
    setImmediate(read);
  });
  if (options.isPaused) socket.pause();
  return {
    socket,
    response,
    frames,
    send: (firstByte, payload) => {
      socket.write(maskedFrame(firstByte, payload));
    },
    reset: () => {
      socket.resetAndDestroy();
    },
  };
}

/** A client's frame, with a mask of zeros so that a test can read it. */
export function maskedFrame(firstByte: number, payload: Uint8Array): Buffer {
  const mask = Buffer.alloc(4);
  if (payload.length <= 125)
    return Buffer.concat([Buffer.from([firstByte, 0x80 | payload.length]), mask, payload]);
  const header = Buffer.alloc(10);
  header[0] = firstByte;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, mask, payload]);
}

async function readResponse(socket: Socket): Promise<{ response: string; rest: Buffer }> {
  const pieces: Buffer[] = [];
  for (;;) {
    const piece = await new Promise<Buffer>((resolve, reject) => {
      socket.once("data", resolve);
      socket.once("close", () => reject(new Error("The server hung up before it answered")));
    });
    pieces.push(piece);
    const bytes = Buffer.concat(pieces);
    const end = bytes.indexOf("\r\n\r\n");
    if (end >= 0) {
      return { response: bytes.toString("latin1", 0, end), rest: bytes.subarray(end + 4) };
    }
  }
}

/** Returns how many bytes made whole frames. */
function takeFrames(bytes: Buffer, frames: RawFrame[]): number {
  let offset = 0;
  while (bytes.length - offset >= 2) {
    const shortLength = bytes[offset + 1]! & 0x7f;
    const headerBytes = shortLength === 126 ? 4 : shortLength === 127 ? 10 : 2;
    if (bytes.length - offset < headerBytes) break;
    let payloadBytes = shortLength;
    if (headerBytes === 4) payloadBytes = bytes.readUInt16BE(offset + 2);
    if (headerBytes === 10) payloadBytes = Number(bytes.readBigUInt64BE(offset + 2));
    const end = offset + headerBytes + payloadBytes;
    if (end > bytes.length) break;
    frames.push({ firstByte: bytes[offset]!, payload: bytes.subarray(offset + headerBytes, end) });
    offset = end;
  }
  return offset;
}
