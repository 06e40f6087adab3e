/**
 * What was found damaged in this run. A damaged page fails the whole transaction that touches it, so a place that did so is
 * closed: later writes to it are refused before they begin, and those of others go on. Starting on a restored file ends it.
 */
import type { LogKey } from "../store.ts";
import { Refusal } from "./refusal.ts";
import { isDamage } from "./sqlite-fault.ts";

/** Beyond this the file is lost anyway, and what touches the damage is found out batch by batch. */
const MAX_PLACES = 1_000;

export class Quarantine {
  readonly #report: (place: string, reason: string) => void;
  readonly #closed = new Set<string>();
  readonly #reported = new Set<string>();

  constructor(report: (place: string, reason: string) => void) {
    this.#report = report;
  }

  /** How many places are closed. */
  get size(): number {
    return this.#closed.size;
  }

  isClosed(place: string): boolean {
    return this.#closed.has(place);
  }

  /** Runs a part of a transaction that touches one place. Damage that it meets closes the place. */
  watch<Result>(placeOf: () => string, part: () => Result): Result {
    // Naming a place costs more than most appends can spare.
    if (this.#closed.size > 0 && this.#closed.has(placeOf())) throw closedRefusal(placeOf());
    try {
      return part();
    } catch (error) {
      if (isDamage(error)) this.#close(placeOf(), error);
      throw error;
    }
  }

  #close(place: string, error: unknown): void {
    this.note(place, error);
    if (this.#closed.size < MAX_PLACES) this.#closed.add(place);
  }

  /** Tells the operator about damage, once for each place. */
  note(place: string, error: unknown): void {
    if (this.#reported.has(place) || this.#reported.size >= MAX_PLACES) return;
    this.#reported.add(place);
    this.#report(place, error instanceof Error ? error.message : String(error));
  }
}

function closedRefusal(place: string): Refusal {
  return new Refusal("STORE_UNAVAILABLE", `The database is damaged where it holds ${place}`);
}

export function placeOfLog({ tenant, channel }: LogKey): string {
  return `channel ${JSON.stringify(channel)} of tenant ${JSON.stringify(tenant)}`;
}
