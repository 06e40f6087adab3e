/**
 * `useChat` aborts a request that takes an answer up again for two reasons: somebody pressed stop, or it asks for the same answer once more.
 * The second shows when the next frame is here. Only then is it known that the answer is wanted.
 */
import type { Clock, Timer } from "../../../core/ports.ts";

/** The next frame is written in the same turn as the abort; this is for a network that parts the two. */
const GRACE_MS = 100;

type Stop = () => void;

interface PendingStop {
  readonly stop: Stop;
  readonly timer: Timer;
}

export class PendingStops {
  readonly #clock: Clock;
  readonly #byChat = new Map<string, PendingStop>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(chatId: string, stop: Stop): void {
    this.#now(chatId);
    const timer = this.#clock.setTimer(GRACE_MS, () => this.#now(chatId));
    this.#byChat.set(chatId, { stop, timer });
  }

  /** The answer of this chat is asked for again. */
  resumed(chatId: string): void {
    this.#byChat.get(chatId)?.timer.cancel();
    this.#byChat.delete(chatId);
  }

  /** Nothing more will be asked for. */
  close(): void {
    for (const chatId of [...this.#byChat.keys()]) this.#now(chatId);
  }

  #now(chatId: string): void {
    const pending = this.#byChat.get(chatId);
    if (pending === undefined) return;
    pending.timer.cancel();
    this.#byChat.delete(chatId);
    pending.stop();
  }
}
