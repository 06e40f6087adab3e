/** Waits for what is appended to a stream, on this node or another. Only that something came is taken from here. */
import { type Position, parsePosition, TachikomaError } from "@tachikoma/protocol";
import type { Clock } from "../../core/ports.ts";
import type { ChannelFrame, ChannelReader } from "../../core/requests/channel-reader.ts";

type Frame = IteratorResult<ChannelFrame, undefined>;

export class StreamWatch {
  readonly #reader: ChannelReader;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;
  #pending: Promise<Frame> | undefined;

  /** @param signal aborted when nobody waits any more */
  constructor(reader: ChannelReader, clock: Clock, signal: AbortSignal) {
    this.#reader = reader;
    this.#clock = clock;
    this.#signal = signal;
  }

  /**
   * Whether something came after `seen` in that time.
   *
   * @throws STORE_UNAVAILABLE
   */
  async hasNews(seen: Position, timeoutMs: number): Promise<boolean> {
    const untilMs = this.#clock.monotonicMs() + timeoutMs;
    for (;;) {
      const frame = await this.#frameBefore(untilMs - this.#clock.monotonicMs());
      if (frame === undefined) return false;
      if (frame.done) throw new TachikomaError("STORE_UNAVAILABLE");
      if (isNewer(frame.value, seen)) return true;
    }
  }

  close(): void {
    this.#reader.close();
  }

  /** The next frame; `undefined` when there is none in time, or nobody waits for it. */
  async #frameBefore(timeoutMs: number): Promise<Frame | undefined> {
    if (this.#signal.aborted) return undefined;
    this.#pending ??= this.#reader.next();
    const { promise: given, resolve: giveUp } = Promise.withResolvers<undefined>();
    const stop = () => giveUp(undefined);
    const timer = this.#clock.setTimer(Math.max(0, timeoutMs), stop);
    this.#signal.addEventListener("abort", stop);
    try {
      const frame = await Promise.race([this.#pending, given]);
      if (frame !== undefined) this.#pending = undefined;
      return frame;
    } finally {
      timer.cancel();
      this.#signal.removeEventListener("abort", stop);
      // Whoever waits for it next hears of its failure; nobody may.
      this.#pending?.catch(() => undefined);
    }
  }
}

function isNewer(frame: ChannelFrame, seen: Position): boolean {
  if (frame.type === "reset") return true;
  const position = parsePosition(frame.position);
  return position?.epoch !== seen.epoch || position.seq > seen.seq;
}
