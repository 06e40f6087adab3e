/**
 * What arrives on one connection, taken in order. A message is handled when the one before it has taken its place in the order
 * of things (an append has been issued, a log has been opened); its answer may come later.
 *
 * Whatever is too much is answered by not reading: too many messages a second, too many requests under way, answers that the
 * peer does not read.
 */

import type { ErrorCode } from "@tachikoma/protocol";
import { decodeClientMessage } from "@tachikoma/protocol/schema";
import type { Timer } from "../ports.ts";
import { dispatch } from "../verbs/dispatch.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionContext } from "./context.ts";
import { InboundBudget } from "./inbound-budget.ts";

type PauseReason = "starting" | "rate" | "busy" | "full";

/** A bit each: every connection has a set of them. */
const PAUSE_BITS: Readonly<Record<PauseReason, number>> = { starting: 1, rate: 2, busy: 4, full: 8 };

/** One read of a socket can carry many tiny messages after the pause was asked for. */
const MAX_QUEUED_MESSAGES = 16_384;

export class Inbound {
  readonly #connection: Connection;
  readonly #context: ConnectionContext;
  readonly #budget: InboundBudget;
  #pauseBits = 0;
  #queue: string[] = [];
  readonly #waiting: (() => void)[] = [];
  #isHandling = false;
  #pendingCount = 0;
  #rateTimer: Timer | undefined;

  constructor(connection: Connection, context: ConnectionContext) {
    this.#connection = connection;
    this.#context = context;
    this.#budget = new InboundBudget(context.limits, context.clock.monotonicMs());
  }

  take(text: string): void {
    if (this.#queue.length >= MAX_QUEUED_MESSAGES) return this.#connection.close("TOO_MANY_ERRORS");
    this.#queue.push(text);
    this.#pump();
  }

  /** Answers what cannot be handled, and closes a connection that sends too much of it. */
  refuse(code: ErrorCode, detail: string, ref?: string): void {
    this.#connection.sendError(code, detail, ref);
    if (!this.#budget.takeInvalid(this.#context.clock.monotonicMs())) {
      this.#connection.close("TOO_MANY_ERRORS");
    }
  }

  /** Counts a request that is answered later. */
  track(work: Promise<unknown>): void {
    this.#pendingCount += 1;
    if (this.#pendingCount >= this.#context.limits.maxPendingRequests) this.pause("busy");
    const done = () => {
      this.#pendingCount -= 1;
      if (this.#pendingCount < this.#context.limits.maxPendingRequests) this.resume("busy");
    };
    work.then(done, done);
  }

  pause(reason: PauseReason): void {
    if (this.#pauseBits === 0) this.#connection.transport.pauseReading();
    this.#pauseBits |= PAUSE_BITS[reason];
  }

  resume(reason: PauseReason): void {
    const isPaused = (this.#pauseBits & PAUSE_BITS[reason]) !== 0;
    this.#pauseBits &= ~PAUSE_BITS[reason];
    if (!isPaused || this.#pauseBits !== 0 || this.#connection.isClosed) return;
    this.#connection.transport.resumeReading();
    this.#pump();
  }

  /** Resolves when nothing keeps the next message from being taken, or nothing will be taken any more. */
  async untilReading(): Promise<void> {
    while (!this.#connection.isClosed && (this.#pauseBits !== 0 || this.#queue.length > 0)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  close(): void {
    this.#rateTimer?.cancel();
    this.#queue = [];
    this.#wakeWaiting();
  }

  #wakeWaiting(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #pump(): void {
    if (this.#isHandling) return;
    while (this.#pauseBits === 0 && !this.#connection.isClosed) {
      const text = this.#queue.shift();
      if (text === undefined) return this.#wakeWaiting();
      this.#spend();
      const ordered = this.#handle(text);
      if (ordered === undefined) continue;
      this.#isHandling = true;
      const goOn = () => {
        this.#isHandling = false;
        this.#pump();
      };
      ordered.then(goOn, goOn);
      return;
    }
  }

  #handle(text: string): Promise<void> | undefined {
    const decoded = decodeClientMessage(text);
    if (!decoded.ok) {
      this.refuse(decoded.code, decoded.detail, decoded.ref);
      return undefined;
    }
    this.#context.observer.messageReceived(decoded.message.type);
    return dispatch(this.#connection, decoded.message);
  }

  #spend(): void {
    const { clock, limits } = this.#context;
    const waitMs = this.#budget.take(clock.monotonicMs());
    if (waitMs > 0) {
      this.pause("rate");
      this.#rateTimer = clock.setTimer(waitMs, () => this.resume("rate"));
    }
    // Answers wait in the socket's buffer; who does not read them is not asked for more.
    if (this.#connection.transport.bufferedBytes >= limits.highWaterBytes) this.pause("full");
  }
}
