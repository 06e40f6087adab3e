/** Lets what changes one stream happen one after the other on this node; other nodes are met in the store. */
import { TachikomaError } from "@tachikoma/protocol";

/** Changes of one stream that may wait. */
const MAX_WAITING = 256;

export class StreamLanes {
  readonly #maxWaitingBytes: number;
  readonly #lanes = new Map<string, { last: Promise<unknown>; waitingCount: number }>();
  #waitingBytes = 0;

  /** @param maxWaitingBytes content of all changes that wait or are under way; one is always taken */
  constructor(maxWaitingBytes: number) {
    this.#maxWaitingBytes = maxWaitingBytes;
  }

  /** @throws SERVER_OVERLOADED */
  async run<Result>(name: string, byteCount: number, task: () => Promise<Result>): Promise<Result> {
    const lane = this.#lanes.get(name) ?? { last: Promise.resolve(), waitingCount: 0 };
    if (lane.waitingCount >= MAX_WAITING) {
      throw new TachikomaError("SERVER_OVERLOADED", `${MAX_WAITING} changes of this stream are waiting`);
    }
    if (this.#waitingBytes > 0 && this.#waitingBytes + byteCount > this.#maxWaitingBytes) {
      throw new TachikomaError(
        "SERVER_OVERLOADED",
        `Appends of ${this.#waitingBytes} bytes are waiting, the limit is ${this.#maxWaitingBytes}`,
      );
    }
    this.#lanes.set(name, lane);
    lane.waitingCount += 1;
    this.#waitingBytes += byteCount;
    const running = lane.last.then(task);
    lane.last = running.catch(() => undefined);
    try {
      return await running;
    } finally {
      lane.waitingCount -= 1;
      this.#waitingBytes -= byteCount;
      if (lane.waitingCount === 0) this.#lanes.delete(name);
    }
  }
}
