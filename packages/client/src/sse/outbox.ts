/**
 * What is sent beside a stream of events, in order: one request at a time, numbered, each with all that has come together since the
 * one before. When one is not taken, the connection is given up: what has no answer is asked again on the next.
 */
import type { Clock, Timer } from "../ports.ts";

const MAX_MESSAGES = 128;
/** Together; a single message may be larger. */
const MAX_CHARS = 128 * 1024;
/** The server may let a flood wait, but not for so long. */
const POST_TIMEOUT_MS = 60_000;

export interface OutboxOptions {
  readonly clock: Clock;
  /** Resolves with the status of the answer. */
  readonly post: (seq: number, body: string) => Promise<number>;
  readonly failed: (status: number | undefined) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #waiting: string[] = [];
  #timer: Timer | undefined;
  #seq = 0;
  #isOpen = false;
  #isPosting = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  add(text: string): void {
    this.#waiting.push(text);
    this.#pump();
  }

  /** Whoever it is for is known now. */
  open(): void {
    this.#isOpen = true;
    this.#pump();
  }

  close(): void {
    this.#isOpen = false;
    this.#waiting.length = 0;
    this.#timer?.cancel();
  }

  #pump(): void {
    if (this.#isPosting || !this.#isOpen || this.#waiting.length === 0) return;
    this.#isPosting = true;
    // What is sent in the same turn travels together.
    void Promise.resolve().then(() => this.#post());
  }

  async #post(): Promise<void> {
    const { clock, post, failed } = this.#options;
    this.#seq += 1;
    this.#timer = clock.setTimer(POST_TIMEOUT_MS, () => failed(undefined));
    const status = await post(this.#seq, `[${this.#take().join(",")}]`).catch(() => undefined);
    this.#timer.cancel();
    if (!this.#isOpen) return;
    if (status === undefined || status < 200 || status > 299) return failed(status);
    this.#isPosting = false;
    this.#pump();
  }

  #take(): string[] {
    let charCount = 0;
    let count = 0;
    for (const text of this.#waiting) {
      charCount += text.length;
      if (count > 0 && (count >= MAX_MESSAGES || charCount > MAX_CHARS)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }
}
