/** How much a connection may send. A flood is answered by reading later, never by losing something. */
export interface InboundLimits {
  readonly maxMessagesPerSec: number;
  readonly maxMessageBurst: number;
  /** Beyond this many in a minute the connection is closed. */
  readonly maxInvalidMessagesPerMinute: number;
}

/** Token bucket: says for how long to stop reading. */
export class InboundBudget {
  readonly #limits: InboundLimits;
  #tokens: number;
  #filledAtMs: number;
  #invalidCount = 0;
  #minuteStartedAtMs: number;

  constructor(limits: InboundLimits, nowMs: number) {
    this.#limits = limits;
    this.#tokens = limits.maxMessageBurst;
    this.#filledAtMs = nowMs;
    this.#minuteStartedAtMs = nowMs;
  }

  /** Counts one message; returns milliseconds to wait before the next is read (0 = go on). */
  take(nowMs: number): number {
    const { maxMessagesPerSec, maxMessageBurst } = this.#limits;
    const gained = ((nowMs - this.#filledAtMs) / 1000) * maxMessagesPerSec;
    this.#tokens = Math.min(maxMessageBurst, this.#tokens + gained) - 1;
    this.#filledAtMs = nowMs;
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / maxMessagesPerSec) * 1000);
  }

  /** Counts one invalid message; false when it was one too many. */
  takeInvalid(nowMs: number): boolean {
    if (nowMs - this.#minuteStartedAtMs >= 60_000) {
      this.#minuteStartedAtMs = nowMs;
      this.#invalidCount = 0;
    }
    this.#invalidCount += 1;
    return this.#invalidCount <= this.#limits.maxInvalidMessagesPerMinute;
  }
}
