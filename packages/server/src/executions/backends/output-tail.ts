import type { Readable } from "node:stream";
import type { Clock } from "../../core/ports.ts";

/** Keeps the last bytes of a stream that nobody reads, so that the end of it can be logged. */
export class OutputTail {
  readonly #stream: Readable;
  readonly #maxBytes: number;
  readonly #closed: Promise<void>;
  #bytes: Buffer = Buffer.alloc(0);
  #omittedBytes = 0;

  constructor(stream: Readable, maxBytes: number) {
    this.#stream = stream;
    this.#maxBytes = maxBytes;
    this.#closed = new Promise((resolve) => stream.once("close", resolve));
    stream.on("data", (bytes: Buffer) => this.#append(bytes));
    // A broken pipe here costs lines of a log; the process itself is watched elsewhere.
    stream.on("error", () => {});
  }

  /** Reads what is still on its way, for so long at most, and lets go of the stream. */
  async finish(clock: Clock, withinMs: number): Promise<void> {
    const timer = clock.setTimer(withinMs, () => this.#stream.destroy());
    await this.#closed;
    timer.cancel();
  }

  text(): string {
    const text = new TextDecoder().decode(this.#bytes).trim();
    return this.#omittedBytes === 0 ? text : `(${this.#omittedBytes} bytes before this) ${text}`;
  }

  #append(bytes: Buffer): void {
    const all = Buffer.concat([this.#bytes, bytes]);
    const kept = all.subarray(Math.max(0, all.length - this.#maxBytes));
    this.#omittedBytes += all.length - kept.length;
    // A copy, so that a large read is not kept alive by its last bytes.
    this.#bytes = Buffer.from(kept);
  }
}
