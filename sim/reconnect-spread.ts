/**
 * Clients that lost their connections at the same moment come back at different ones, or they are a herd. Three that wait to the
 * millisecond as long as each other are an accident that happens once in some hundred thousand runs; the same for four, or again in
 * the same run, is none.
 */
const HERD_SIZE = 3;
const SURE_HERD_SIZE = 4;

export class ReconnectSpread {
  readonly #lostAtMs = new Map<string, number>();
  /** Delays of first attempts, by the moment of the loss. */
  readonly #delays = new Map<number, number[]>();
  readonly #maxDelayMs: number;
  #isOver = false;

  /** @param maxDelayMs one that waits so long has been told that its device is offline, and does not disturb anybody */
  constructor(maxDelayMs: number) {
    this.#maxDelayMs = maxDelayMs;
  }

  lost(clientName: string, nowMs: number): void {
    if (!this.#isOver) this.#lostAtMs.set(clientName, nowMs);
  }

  tried(clientName: string, nowMs: number): void {
    const lostAtMs = this.#lostAtMs.get(clientName);
    this.#lostAtMs.delete(clientName);
    if (lostAtMs === undefined || nowMs - lostAtMs >= this.#maxDelayMs) return;
    this.#delays.set(lostAtMs, [...(this.#delays.get(lostAtMs) ?? []), nowMs - lostAtMs]);
  }

  /** From here on clients are told when to come. */
  end(): void {
    this.#isOver = true;
    this.#lostAtMs.clear();
  }

  hasHerd(): boolean {
    const herds = [...this.#delays.values()].filter(
      (delays) => delays.length >= HERD_SIZE && delays.every((delay) => delay === delays[0]),
    );
    return herds.length > 1 || herds.some((delays) => delays.length >= SURE_HERD_SIZE);
  }
}
