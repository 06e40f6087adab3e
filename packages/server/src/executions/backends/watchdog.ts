import type { Clock, Timer } from "../../core/ports.ts";
import { UpstreamError } from "./upstream-fault.ts";

/** Ends a request that stays silent. One deadline at a time; setting one replaces the one before. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Aborted with an `UpstreamError` when a deadline passes. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  expect(what: string, withinMs: number): void {
    this.rest();
    this.#timer = this.#clock.setTimer(withinMs, () => {
      this.#abort.abort(new UpstreamError({ kind: "timeout", detail: `no ${what} within ${withinMs} ms` }));
    });
  }

  /** No deadline for now: nobody is waiting for the endpoint. */
  rest(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Ends whatever still uses the signal. */
  end(): void {
    this.rest();
    this.#abort.abort();
  }
}
