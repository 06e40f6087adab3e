/**
 * What a node and the process that has the store say to each other, over a socket that only their user can open.
 *
 *   frame    4 bytes: length of what follows, big endian; then one value in V8's serialization format
 *   node     first a `Hello`, then arrays of `Call`, in the order in which they were made
 *   store    first a `Welcome`, then `Reply`s; answers come in any order and carry the number of their call
 *
 * Both ends are the same Node and the same release of this package: there is no older version to speak to, only one to
 * recognise. A frame that cannot be read ends the connection. What was under way then may have been done or not, as with any
 * store across a network.
 */
import { deserialize, serialize } from "node:v8";
import type { Position } from "@tachikoma/protocol";
import type { Failure } from "../sqlite/sqlite-call.ts";
import type { LogKey, Store } from "../store.ts";

export const WIRE_VERSION = 1;
const HEADER_BYTES = 4;
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;
/** A frame that has reached this is sent; what follows goes into the next. */
export const FULL_FRAME_BYTES = 1024 * 1024;
/** What a call or an answer weighs besides its content. */
export const OVERHEAD_BYTES = 256;

/** The methods of a store that are answered. */
export type Asked = Exclude<
  {
    [Name in keyof Store]: Store[Name] extends (...args: never) => Promise<unknown> ? Name : never;
  }[keyof Store],
  "close"
>;
/** Those that nobody waits for. */
export type Told = "say" | "unfollow";

export interface Hello {
  readonly version: number;
  /** What the node has followed, where it comes back. */
  readonly followed: readonly LogKey[];
}

export interface Welcome {
  readonly version: number;
  readonly kind: string;
  readonly appendIntervalMs: number;
}

/** Number (0 where nobody waits), method, arguments. */
export type Call = readonly [number, Asked | Told, readonly unknown[]];

/** Number and value, or what went wrong. */
export type AnswerToCall = readonly [number, unknown] | readonly [number, undefined, Failure];

export interface Reply {
  readonly answers: readonly AnswerToCall[];
  readonly heads: readonly (readonly [LogKey, Position])[];
  readonly notes: readonly (readonly [LogKey, string])[];
  /** Hints to this node were dropped, because it did not read. */
  readonly areHintsLost: boolean;
  readonly appendIntervalMs: number;
}

/** @throws RangeError for what no frame can carry */
export function frameOf(value: Hello | Welcome | readonly Call[] | Reply): Buffer {
  const body = serialize(value);
  if (body.length > MAX_FRAME_BYTES) {
    throw new RangeError(`A frame of ${body.length} bytes is larger than ${MAX_FRAME_BYTES}`);
  }
  const frame = Buffer.allocUnsafe(HEADER_BYTES + body.length);
  frame.writeUInt32BE(body.length);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** Takes pieces of a stream and gives the values of the frames that are complete. */
export class FrameReader {
  #pieces: Buffer[] = [];
  #byteCount = 0;

  /** @throws for what is no frame */
  read(piece: Buffer): unknown[] {
    this.#pieces.push(piece);
    this.#byteCount += piece.length;
    const values: unknown[] = [];
    for (;;) {
      const frameBytes = this.#nextFrameBytes();
      if (frameBytes === undefined || this.#byteCount < frameBytes) return values;
      const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
      values.push(deserialize(whole.subarray(HEADER_BYTES, frameBytes)) as unknown);
      const rest = whole.subarray(frameBytes);
      this.#pieces = rest.length === 0 ? [] : [rest];
      this.#byteCount = rest.length;
    }
  }

  #nextFrameBytes(): number | undefined {
    if (this.#byteCount < HEADER_BYTES) return undefined;
    if (this.#pieces[0]!.length < HEADER_BYTES) this.#pieces = [Buffer.concat(this.#pieces)];
    const bodyBytes = this.#pieces[0]!.readUInt32BE();
    if (bodyBytes > MAX_FRAME_BYTES) throw new RangeError(`A frame claims to have ${bodyBytes} bytes`);
    return HEADER_BYTES + bodyBytes;
  }
}
