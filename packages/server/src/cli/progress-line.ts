import type { Output } from "./terminal.ts";

const CLEAR_LINE = "\r\u001b[K";

/** One line on a terminal that says how far something is. Where nobody looks it says nothing. */
export class ProgressLine {
  readonly #out: Output;
  #text = "";

  constructor(out: Output) {
    this.#out = out;
  }

  show(text: string): void {
    if (!this.#out.isTty || text === this.#text) return;
    this.#text = text;
    this.#out.write(`${CLEAR_LINE}${this.#out.style.dim(text)}`);
  }

  /** Leaves the place to what comes next. */
  clear(): void {
    if (this.#text !== "") this.#out.write(CLEAR_LINE);
    this.#text = "";
  }
}
