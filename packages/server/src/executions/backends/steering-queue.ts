import { lastUserText, readConversation } from "./conversation.ts";
import { asObject, textAt } from "./json-fields.ts";

const MAX_SHOWN_CHARS = 500;

/**
 * Takes `input` commands one at a time: the next is taken when the one before has been used, so that what waits stays with the
 * execution, which bounds it.
 */
export class SteeringQueue {
  readonly #iterator: AsyncIterator<unknown>;
  #text: string | undefined;
  #isOpen = true;

  constructor(inputs: AsyncIterable<unknown>) {
    this.#iterator = inputs[Symbol.asyncIterator]();
    void this.#take();
  }

  /** What was said, if anything was. */
  next(): string | undefined {
    const text = this.#text;
    this.#text = undefined;
    if (text !== undefined) void this.#take();
    return text;
  }

  /** Takes no more. */
  close(): void {
    this.#isOpen = false;
    // Not awaited: an iterator that waits for the next input answers only when that has come.
    this.#iterator.return?.().catch(() => {});
  }

  async #take(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      const { done, value } = await this.#iterator.next();
      if (done) this.#isOpen = false;
      else this.#text = steeringText(value);
    } catch {
      // The inputs may end with an error when the execution is cancelled; that is told by its signal.
      this.#isOpen = false;
    }
  }
}

/** The text of an input, in any of the forms in which it may be sent. */
export function steeringText(input: unknown): string {
  const text = textAt(asObject(input), "text");
  if (text !== undefined) return text;
  try {
    return lastUserText(readConversation(input));
  } catch {
    return (JSON.stringify(input) ?? "").slice(0, MAX_SHOWN_CHARS);
  }
}
