/**
 * What a reader has been given of an answer, as far as it matters for taking it back. The AI SDK's clients know one way: `reset-step`
 * drops the parts of the current step. So a first step can be taken back, and nothing that came before its last boundary.
 */
import type { Chunk } from "./chunk.ts";

export class GivenContent {
  #messageId: string | undefined;
  #stepCount = 0;
  #hasParts = false;
  #isFinal = false;

  /** Nothing yet that would have to be taken back. */
  get isEmpty(): boolean {
    return !this.#isFinal && !this.#hasParts;
  }

  /** Whether `reset-step` takes back all of it. */
  get canBeTakenBack(): boolean {
    return !this.#isFinal;
  }

  note(chunk: Chunk): void {
    if (chunk.type === "start") {
      this.#isFinal ||= chunk.messageMetadata !== undefined || this.#isOther(chunk.messageId);
      this.#messageId ??= chunk.messageId;
    } else if (chunk.type === "start-step") {
      // The parts of a step that is over, or that came before the first, stay.
      this.#isFinal ||= this.#hasParts;
      this.#stepCount += 1;
    } else if (LASTING.has(chunk.type)) this.#isFinal = true;
    else if (chunk.type !== "finish-step") this.#hasParts = true;
  }

  /** What has been taken back may be given anew. */
  takenBack(): void {
    this.#hasParts = false;
  }

  /** Whether a chunk of the new attempt only says again what was said and has not been taken back. */
  isKnown(chunk: Chunk): boolean {
    if (chunk.type === "start") {
      return (
        this.#messageId !== undefined &&
        chunk.messageMetadata === undefined &&
        !this.#isOther(chunk.messageId)
      );
    }
    return chunk.type === "start-step" && this.#stepCount > 0 && !this.#hasParts;
  }

  #isOther(messageId: string | undefined): boolean {
    return this.#messageId !== undefined && messageId !== undefined && messageId !== this.#messageId;
  }
}

/** What belongs to the message and not to a step, and what ends it. */
const LASTING: ReadonlySet<Chunk["type"]> = new Set(["message-metadata", "finish", "abort", "error"]);
