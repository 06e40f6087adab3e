/**
 * Reads one channel for a surface that is no connection: an HTTP response, an adapter of another protocol. It is a subscriber like
 * any other, so what it gets comes from the same loop: in order, merged where it is behind, paged, with a `reset` where continuity
 * is lost. It holds no more than one page that was not taken yet.
 *
 *   delivery loop --page--> frames --next()--> surface; nothing new is written while frames wait
 */
import { decodeServerMessage, type ServerMessageOf, TachikomaError } from "@tachikoma/protocol";
import { type Cursor, type CursorPlace, createCursor } from "../delivery/cursor.ts";
import type { DeliveryLoop } from "../delivery/delivery-loop.ts";
import type { Subscriber } from "../delivery/subscriber.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { DeltaFrames, Framing, Transport } from "../ports.ts";

/** What stands in a channel, as clients of the protocol see it. */
export type ChannelFrame = ServerMessageOf<
  | "message"
  | "chunk"
  | "skip"
  | "reset"
  | "execution_started"
  | "execution_restarted"
  | "execution_completed"
  | "execution_failed"
  | "execution_cancelled"
  | "execution_interrupted"
>;

export interface ChannelReaderOptions {
  readonly hub: LogHub;
  readonly delivery: DeliveryLoop;
  readonly log: ChannelLog;
  readonly from: CursorPlace;
  /** Named as excluded by none: a record that leaves out a session is not for a surface without one. @default "" */
  readonly sessionId?: string;
  /** @default "merged" */
  readonly deltas?: DeltaFrames | undefined;
}

/** No text of JSON has a line end in it. */
const frame = (text: string) => Buffer.from(`${text}\n`);
const FRAMINGS: { readonly [Deltas in DeltaFrames]: Framing } = {
  merged: { id: "lines", frame },
  single: { id: "single-lines", deltas: "single", frame },
};

export class ChannelReader implements Subscriber, AsyncIterableIterator<ChannelFrame, undefined> {
  readonly sessionId: string;
  readonly transport: Transport;
  dirtyCursors: Cursor[] = [];
  isQueued = false;
  writtenAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: ChannelReaderOptions;
  readonly #cursor: Cursor;
  #frames: ChannelFrame[] = [];
  #takenCount = 0;
  #waitingBytes = 0;
  #state: "open" | "closed" | { readonly error: Error } = "open";
  #wake: (() => void) | undefined;

  constructor(options: ChannelReaderOptions) {
    this.#options = options;
    this.sessionId = options.sessionId ?? "";
    this.transport = this.#createTransport();
    this.#cursor = createCursor(options.log, this, options.from);
    options.hub.attach(this.#cursor);
    options.delivery.mark(this.#cursor);
  }

  get isClosed(): boolean {
    return this.#state !== "open";
  }

  /** Whether `next` has a frame at once. */
  get hasFrame(): boolean {
    return this.#takenCount < this.#frames.length;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next frame, when there is one. One caller at a time. @throws STORE_UNAVAILABLE when the log cannot be read */
  async next(): Promise<IteratorResult<ChannelFrame, undefined>> {
    for (;;) {
      const frame = this.#frames[this.#takenCount];
      if (frame !== undefined) {
        this.#take();
        return { done: false, value: frame };
      }
      if (this.#state === "closed") return { done: true, value: undefined };
      if (this.#state !== "open") throw this.#state.error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Stops reading. A `next` that waits is done. */
  close(): void {
    this.#end("closed");
    this.#frames = [];
    this.#takenCount = 0;
  }

  async return(): Promise<IteratorResult<ChannelFrame, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  onDelivered(): void {}

  onReset(cursor: Cursor, reason: "trimmed" | "epoch_changed", position: string): void {
    this.#push({ type: "reset", channel: cursor.log.key.channel, reason, position });
  }

  onReadFailed(): void {
    this.#end({ error: new TachikomaError("STORE_UNAVAILABLE") });
  }

  onPresence(): void {}

  sendIfRoom(): boolean {
    return true;
  }

  #take(): void {
    this.#takenCount += 1;
    if (this.#takenCount < this.#frames.length) return;
    this.#frames = [];
    this.#takenCount = 0;
    this.#waitingBytes = 0;
    this.#options.delivery.drained(this);
  }

  #push(frame: ChannelFrame): void {
    this.#frames.push(frame);
    this.#notify();
  }

  #end(state: "closed" | { readonly error: Error }): void {
    if (this.#state !== "open") return;
    this.#state = state;
    this.#options.delivery.forget(this);
    this.#options.hub.detach(this.#cursor);
    this.#notify();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #createTransport(): Transport {
    const write = (bytes: Uint8Array) => {
      this.#waitingBytes += bytes.byteLength;
      for (const line of Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        .toString()
        .split("\n")) {
        if (line !== "") this.#push(decodeServerMessage(line) as ChannelFrame);
      }
    };
    const waitingBytes = () => (this.#waitingBytes === 0 ? 0 : Number.POSITIVE_INFINITY);
    return {
      framing: FRAMINGS[this.#options.deltas ?? "merged"],
      answersPings: false,
      write,
      /** Full until all of it has been taken. */
      get bufferedBytes() {
        return waitingBytes();
      },
      ping() {},
      pauseReading() {},
      resumeReading() {},
      close: () => this.close(),
    };
  }
}
