/**
 * Whose time counts. Nodes share leases, and the clock of one may be wrong by years: it must not take what others hold or trim what
 * they wrote. So a store counts by the clock of Redis, and what a caller says of its own is turned into how long from now.
 *
 * For tests and simulations the times of the caller can be taken as they are.
 */
import type { Clock } from "../../core/ports.ts";

export type TimeSource = "server" | "caller";

/** A point in time to which a script tells distances, and what it is on the clock here. */
export interface Reference {
  readonly moment: string;
  readonly hereMs: number;
}

export class StoreTime {
  readonly #source: TimeSource;
  readonly #clock: Clock;

  constructor(source: TimeSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /** Now, or so much later, as the scripts read it. */
  moment(nowMs: number, laterMs = 0): string {
    return this.#source === "caller" ? `=${Math.round(nowMs + laterMs)}` : `+${Math.round(laterMs)}`;
  }

  /** A time that the caller has counted on the clock here. */
  expiry(expiresAtMs: number): string {
    return this.#source === "caller"
      ? `=${Math.round(expiresAtMs)}`
      : `+${Math.round(expiresAtMs - this.#clock.nowMs())}`;
  }

  reference(): Reference {
    return this.#source === "caller"
      ? { moment: "=0", hereMs: 0 }
      : { moment: "+0", hereMs: this.#clock.nowMs() };
  }
}
