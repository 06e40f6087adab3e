/** What may be removed at one time, so that nothing behind it waits long. A single piece may overdraw it. */
export class TrimBudget {
  #pieceCount: number;
  #byteCount: number;

  constructor(maxPieces: number, maxBytes: number) {
    this.#pieceCount = maxPieces;
    this.#byteCount = maxBytes;
  }

  get isSpent(): boolean {
    return this.#pieceCount <= 0 || this.#byteCount <= 0;
  }

  get pieceCount(): number {
    return this.#pieceCount;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  spend(pieceCount: number, byteCount: number): void {
    this.#pieceCount -= pieceCount;
    this.#byteCount -= byteCount;
  }
}
