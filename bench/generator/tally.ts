import { sharedNowMicros } from "../mark.ts";

/** What has arrived, of all viewers together. */
export class Tally {
  deliveredCount = 0;
  duplicateCount = 0;
  /** Marks that were jumped over. */
  lostCount = 0;
  /** What the protocol's own numbering said was wrong. */
  discontinuityCount = 0;
  lastDeliveryMs = 0;
  latenciesMs: number[] = [];
  isTiming = false;
  #readAtMicros = 0;
  #notedCount = 0;

  /** One look at the clock for all records of a read: they arrived together. */
  readEnded(): void {
    this.#readAtMicros = 0;
    if (this.deliveredCount === this.#notedCount) return;
    this.#notedCount = this.deliveredCount;
    this.lastDeliveryMs = performance.now();
  }

  note(madeAtMicros: number | undefined): void {
    this.deliveredCount += 1;
    if (!this.isTiming || madeAtMicros === undefined) return;
    if (this.#readAtMicros === 0) this.#readAtMicros = sharedNowMicros();
    this.latenciesMs.push((this.#readAtMicros - madeAtMicros) / 1_000);
  }
}

/** The marks of one stream as one viewer sees them: each once and in order, or it is counted as a fault. */
export class MarkTrack {
  readonly #tally: Tally;
  #nextIndex = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  get nextIndex(): number {
    return this.#nextIndex;
  }

  note(index: number, madeAtMicros: number | undefined): void {
    if (index < this.#nextIndex) {
      this.#tally.duplicateCount += 1;
      return;
    }
    this.#tally.lostCount += index - this.#nextIndex;
    this.#nextIndex = index + 1;
    this.#tally.note(madeAtMicros);
  }
}
