/** An input that waits for the handler, and what becomes of it. */
export interface WaitingInput {
  readonly data: unknown;
  readonly onTaken: () => void;
  readonly onDropped: () => void;
}

/**
 * The `input` commands of one execution, as the handler sees them: an async iterable that ends when the execution does. An item
 * counts as applied when it is taken, not when it arrives.
 */
export class InputQueue implements AsyncIterable<unknown> {
  readonly #maxWaiting: number;
  readonly #waiting: WaitingInput[] = [];
  #isClosed = false;
  #wakeReader: (() => void) | undefined;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get isFull(): boolean {
    return this.#waiting.length >= this.#maxWaiting;
  }

  push(input: WaitingInput): void {
    // The end can come while its receipt is stored.
    if (this.#isClosed) return input.onDropped();
    this.#waiting.push(input);
    this.#wakeReader?.();
  }

  /** Ends the iterable; what was not taken is dropped. */
  close(): void {
    this.#isClosed = true;
    for (const input of this.#waiting.splice(0)) input.onDropped();
    this.#wakeReader?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    while (!this.#isClosed) {
      const next = this.#waiting.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
        continue;
      }
      next.onTaken();
      yield next.data;
    }
  }
}
