/**
 * Turns the times of a caller into those of a store that has a clock of its own: what counts is how long from now. Without one they
 * are taken as they are.
 */
export class CallerTime {
  readonly #storeMs: (() => number) | undefined;
  readonly #hereMs: () => number;

  constructor(storeMs: (() => number) | undefined, hereMs: () => number) {
    this.#storeMs = storeMs;
    this.#hereMs = hereMs;
  }

  now(callerMs: number): number {
    return this.#storeMs?.() ?? callerMs;
  }

  fromCaller(momentMs: number): number {
    return this.#storeMs === undefined ? momentMs : momentMs - this.#hereMs() + this.#storeMs();
  }

  toCaller(momentMs: number, callerNowMs = this.#hereMs()): number {
    return this.#storeMs === undefined ? momentMs : momentMs - this.#storeMs() + callerNowMs;
  }
}
