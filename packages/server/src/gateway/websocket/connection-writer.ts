/**
 * The write path of one socket.
 *
 * Bytes come in as whole frames. What fits goes to the socket at once; the rest waits here and follows in slices as the
 * socket takes them, each cut at a frame boundary. So the socket itself never holds more than a slice or two, and a
 * control frame that `ws` writes to the same socket passes between the fragments of a large message.
 *
 * Why it cannot stall: whenever something waits here, or a drain is owed, at least one write with a callback is under way
 * (`#awaitedWrites > 0`), and every such callback looks again. A socket calls every callback, with an error if it dies.
 */
import { frameEnd } from "./frame.ts";

/** The part of a `net.Socket` that is used here. */
export interface WritableSocket {
  readonly writableLength: number;
  write(bytes: Uint8Array, onWritten?: () => void): boolean;
}

export interface WriteLimits {
  /** Most bytes handed to the socket in one piece; a single frame may be larger. */
  readonly chunkBytes: number;
  /** Nothing more is handed over while the socket holds this much. */
  readonly maxSocketBytes: number;
  /** `onDrain` is called when the level has been above this and no longer is. */
  readonly lowMarkBytes: number;
}

const CHUNK_BYTES = 64 * 1024;
const MAX_LOW_MARK_BYTES = 64 * 1024;

/**
 * The limits for a caller that stops writing at `highWaterBytes`: the low mark lies well below it, so that whoever was
 * stopped is called again.
 */
export function writeLimitsFor(highWaterBytes: number): WriteLimits {
  return {
    chunkBytes: CHUNK_BYTES,
    maxSocketBytes: CHUNK_BYTES,
    lowMarkBytes: Math.min(MAX_LOW_MARK_BYTES, Math.floor(highWaterBytes / 4)),
  };
}

export interface ConnectionWriterOptions {
  readonly socket: WritableSocket;
  readonly limits: WriteLimits;
  /** False once a close frame is on its way: RFC 6455 section 5.5.1 allows no data after it. */
  readonly canWrite: () => boolean;
  readonly onDrain: () => void;
}

const NOTHING = new Uint8Array(0);

export class ConnectionWriter {
  readonly #socket: WritableSocket;
  readonly #limits: WriteLimits;
  readonly #canWrite: () => boolean;
  readonly #onDrain: () => void;

  #waiting: Uint8Array[] = [];
  /** Of the first of `#waiting`: how much of it the socket has. */
  #takenBytes = 0;
  #waitingBytes = 0;
  #awaitedWrites = 0;
  #isDrainOwed = false;
  #state: "open" | "ending" | "closed" = "open";
  #onHandedOver: (() => void) | undefined;

  constructor(options: ConnectionWriterOptions) {
    this.#socket = options.socket;
    this.#limits = options.limits;
    this.#canWrite = options.canWrite;
    this.#onDrain = options.onDrain;
  }

  /** Bytes that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.#state === "closed" ? 0 : this.#waitingBytes + this.#socket.writableLength;
  }

  /** Takes whole frames. The bytes must not change afterwards. */
  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || bytes.length === 0) return;
    if (!this.#canWrite()) {
      this.close();
      return;
    }
    const { chunkBytes, maxSocketBytes, lowMarkBytes } = this.#limits;
    // What is usual: an idle socket, and little to write.
    if (this.#waitingBytes + this.#socket.writableLength === 0 && bytes.length <= lowMarkBytes) {
      this.#socket.write(bytes);
      if (this.#socket.writableLength > lowMarkBytes) this.watchLevel();
      return;
    }
    const isAlone = this.#waitingBytes === 0 && this.#socket.writableLength < maxSocketBytes;
    if (isAlone && bytes.length <= chunkBytes) {
      this.#handOver(bytes);
    } else {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.length;
      this.#pump();
    }
    this.watchLevel();
  }

  /**
   * Owes a drain if the level is above the low mark now. For whoever writes control frames to the same socket: a caller
   * who was stopped by those alone must be called again too.
   */
  watchLevel(): void {
    if (!this.#canWrite()) this.close();
    if (this.bufferedBytes > this.#limits.lowMarkBytes) this.#isDrainOwed = true;
    this.#ensureLookingAgain();
  }

  /** Takes no more, and calls back once the socket has been handed everything that was written before. */
  end(onHandedOver: () => void): void {
    if (this.#state !== "open") return;
    if (this.#waitingBytes === 0) {
      this.close();
      onHandedOver();
      return;
    }
    this.#state = "ending";
    this.#onHandedOver = onHandedOver;
  }

  /** Forgets what waits. Calls nothing back any more. */
  close(): void {
    this.#state = "closed";
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#isDrainOwed = false;
    this.#onHandedOver = undefined;
  }

  readonly #onWritten = (): void => {
    this.#awaitedWrites -= 1;
    if (this.#state === "closed") return;
    if (!this.#canWrite()) {
      this.close();
      return;
    }
    this.#pump();
    if (this.#state === "ending" && this.#waitingBytes === 0) {
      const onHandedOver = this.#onHandedOver;
      this.close();
      onHandedOver?.();
      return;
    }
    const hasDrained = this.#isDrainOwed && this.bufferedBytes <= this.#limits.lowMarkBytes;
    if (hasDrained) this.#isDrainOwed = false;
    this.#ensureLookingAgain();
    if (hasDrained) this.#onDrain();
  };

  #pump(): void {
    while (this.#waitingBytes > 0 && this.#socket.writableLength < this.#limits.maxSocketBytes) {
      this.#handOver(this.#takeSlice());
    }
  }

  /** Callbacks are asked for only where someone waits for one: the small write to an idle socket stays bare. */
  #handOver(bytes: Uint8Array): void {
    const levelBytes = this.#waitingBytes + this.#socket.writableLength + bytes.length;
    if (levelBytes <= this.#limits.lowMarkBytes) {
      this.#socket.write(bytes);
    } else {
      this.#awaitedWrites += 1;
      this.#socket.write(bytes, this.#onWritten);
    }
  }

  #ensureLookingAgain(): void {
    if (this.#awaitedWrites > 0 || !(this.#isDrainOwed || this.#waitingBytes > 0)) return;
    // Only control frames or small writes are in front: an empty write behind them tells when they are gone.
    this.#awaitedWrites += 1;
    this.#socket.write(NOTHING, this.#onWritten);
  }

  /** The next whole frames, as many as fit a chunk and at least one. No bytes are copied. */
  #takeSlice(): Uint8Array {
    const bytes = this.#waiting[0]!;
    const start = this.#takenBytes;
    let end = frameEnd(bytes, start);
    while (end < bytes.length) {
      const nextEnd = frameEnd(bytes, end);
      if (nextEnd - start > this.#limits.chunkBytes) break;
      end = nextEnd;
    }
    this.#waitingBytes -= end - start;
    if (end === bytes.length) {
      this.#waiting.shift();
      this.#takenBytes = 0;
    } else {
      this.#takenBytes = end;
    }
    return bytes.subarray(start, end);
  }
}
