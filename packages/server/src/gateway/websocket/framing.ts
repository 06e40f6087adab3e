/**
 * How a message becomes WebSocket bytes. There is one framing per way of compressing, not per connection: the same buffer
 * goes to every subscriber. That is why the compressed form takes no context over from message to message.
 */
import { constants, deflateRawSync } from "node:zlib";
import type { Framing } from "../../core/ports.ts";
import { textFrames } from "./frame.ts";

export interface FramingLimits {
  readonly maxFrameBytes: number;
  /** Messages up to this size are sent as they are. */
  readonly compressionThresholdBytes: number;
}

/** zlib's `windowBits`: a compressed message refers back at most `2 ** windowBits` bytes. */
export type WindowBits = 9 | 10 | 11 | 12 | 13 | 14 | 15;

export const MAX_WINDOW_BITS: WindowBits = 15;
/** Fast rather than small: what is compressed here is on its way to someone who waits for it. */
const COMPRESSION_LEVEL = 3;
/** What every flushed block ends with; RFC 7692 section 7.2.1 leaves it out. */
const FLUSH_TRAILER_BYTES = 4;

export function createPlainFraming(limits: Pick<FramingLimits, "maxFrameBytes">): Framing {
  const options = { maxFrameBytes: limits.maxFrameBytes, isDeflated: false };
  return { id: "ws", frame: (text) => textFrames(text, options) };
}

export function createDeflateFraming(
  limits: FramingLimits,
  windowBits: WindowBits = MAX_WINDOW_BITS,
): Framing {
  const { maxFrameBytes, compressionThresholdBytes } = limits;
  const plain = { maxFrameBytes, isDeflated: false };
  const deflated = { maxFrameBytes, isDeflated: true };
  return {
    id: windowBits === MAX_WINDOW_BITS ? "ws+deflate" : `ws+deflate${windowBits}`,
    frame(text) {
      // UTF-8 has at most three bytes per UTF-16 unit, so a short text needs no encoding to be known as short.
      if (text.length * 3 <= compressionThresholdBytes) return textFrames(text, plain);
      const payload = Buffer.from(text);
      if (payload.length <= compressionThresholdBytes) return textFrames(payload, plain);
      const compressed = deflateRawSync(payload, {
        level: COMPRESSION_LEVEL,
        windowBits,
        finishFlush: constants.Z_SYNC_FLUSH,
      });
      const smaller = compressed.subarray(0, compressed.length - FLUSH_TRAILER_BYTES);
      return smaller.length < payload.length ? textFrames(smaller, deflated) : textFrames(payload, plain);
    },
  };
}

/** The framings of one server, each made once. */
export class FramingSet {
  readonly #limits: FramingLimits;
  readonly #plain: Framing;
  readonly #deflate = new Map<WindowBits, Framing>();

  constructor(limits: FramingLimits) {
    this.#limits = limits;
    this.#plain = createPlainFraming(limits);
  }

  /** `undefined`: this connection has not negotiated compression. */
  forWindow(windowBits: WindowBits | undefined): Framing {
    if (windowBits === undefined) return this.#plain;
    let framing = this.#deflate.get(windowBits);
    if (framing === undefined) {
      framing = createDeflateFraming(this.#limits, windowBits);
      this.#deflate.set(windowBits, framing);
    }
    return framing;
  }
}
