import { timedMark } from "../mark.ts";
import type { Viewer } from "./viewer.ts";

/** How fast messages come. `window`: as fast as the server takes them, so many on their way to the average subscriber. */
export type MessagePace =
  | { readonly kind: "paced"; readonly messagesPerSec: number; readonly burstCount: number }
  | { readonly kind: "window"; readonly maxInFlight: number; readonly arrivedCount: () => number };

export interface MessageSourceOptions {
  readonly publisher: Viewer;
  readonly channel: string;
  /** Of the message as JSON. */
  readonly messageBytes: number;
  readonly pace: MessagePace;
}

/** A publisher that is a client: its messages come over a socket like any other. */
export class MessageSource {
  publishedCount = 0;
  readonly #options: MessageSourceOptions;
  readonly #padChars: number;
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;

  constructor(options: MessageSourceOptions) {
    this.#options = options;
    this.#padChars = options.messageBytes - '{"text":""}'.length;
  }

  /** @param speed times the pace */
  begin(speed = 1): void {
    this.#isRunning = true;
    const { pace } = this.#options;
    if (pace.kind === "window") return this.onRead();
    const messagesPerSec = pace.messagesPerSec * speed;
    const startMs = performance.now();
    const countBefore = this.publishedCount;
    this.#timer = setInterval(() => {
      const dueCount = ((performance.now() - startMs) / 1_000) * messagesPerSec;
      const whole = Math.floor(dueCount / pace.burstCount) * pace.burstCount;
      this.#publish(countBefore + whole - this.publishedCount);
    }, 1);
  }

  /** At full speed: what has arrived makes room for more, so the server is never flooded and never idle. */
  onRead(): void {
    const { pace } = this.#options;
    if (!this.#isRunning || pace.kind !== "window") return;
    this.#publish(pace.arrivedCount() + pace.maxInFlight - this.publishedCount);
  }

  end(): void {
    this.#isRunning = false;
    clearInterval(this.#timer);
  }

  #publish(count: number): void {
    if (count <= 0) return;
    const { publisher, channel } = this.#options;
    const texts = Array.from({ length: count }, (_, at) =>
      publisher.dialect.publishText(channel, timedMark(this.publishedCount + at).padEnd(this.#padChars, "x")),
    );
    this.publishedCount += count;
    publisher.send(texts);
  }
}
