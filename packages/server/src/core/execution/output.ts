/**
 * What a handler yields, as chunks. Plain text becomes a text part; chunks pass as they are. However the handler ends, the content
 * ends with a chunk that says how, so that a cut answer never looks complete.
 */
import { type Chunk, isChunk, TachikomaError } from "@tachikoma/protocol";
import type { HandlerOutput } from "../../executions/handler.ts";

type Opened = "text" | "reasoning";

export class Output {
  readonly #messageId: string;
  #hasStarted = false;
  /** Id of the text part that plain strings go to. */
  #stringPartId: string | undefined;
  #stringPartCount = 0;
  readonly #openParts = new Map<string, Opened>();
  #isStepOpen = false;
  #hasEnded = false;
  #errorText: string | undefined;

  /** @param messageId of the message that the content becomes, where the handler names none */
  constructor(messageId: string) {
    this.#messageId = messageId;
  }

  /** Text of an `error` chunk that the handler yielded itself. */
  get errorText(): string | undefined {
    return this.#errorText;
  }

  /** @throws INVALID_CHUNK */
  accept(output: HandlerOutput): Chunk[] {
    if (typeof output === "string") return output === "" ? [] : this.#acceptText(output);
    if (!isChunk(output)) {
      throw new TachikomaError(
        "INVALID_CHUNK",
        `The handler produced ${describe(output)}, which is not a chunk`,
      );
    }
    const before = this.#closeStringPart();
    if (!this.#hasStarted && output.type !== "start") before.push(this.#start());
    this.#note(output);
    return [...before, this.#withMessageId(output)];
  }

  /** Chunks that end the content of an execution that came to its end by itself. */
  complete(): Chunk[] {
    if (this.#hasEnded) return [];
    const chunks: Chunk[] = this.#hasStarted ? [] : [this.#start()];
    for (const [id, kind] of this.#openParts) chunks.push({ type: `${kind}-end`, id });
    if (this.#isStepOpen) chunks.push({ type: "finish-step" });
    chunks.push(this.#stringPartCount > 0 ? { type: "finish", finishReason: "stop" } : { type: "finish" });
    this.#hasEnded = true;
    return chunks;
  }

  /** Chunks that say that the content is not complete. */
  breakOff(ending: Extract<Chunk, { type: "abort" | "error" }>): Chunk[] {
    if (this.#hasEnded) return [];
    this.#hasEnded = true;
    return this.#hasStarted ? [ending] : [this.#start(), ending];
  }

  #acceptText(text: string): Chunk[] {
    const chunks: Chunk[] = this.#hasStarted ? [] : [this.#start()];
    if (this.#stringPartId === undefined) {
      this.#stringPartId = `text-${this.#stringPartCount}`;
      this.#stringPartCount += 1;
      this.#openParts.set(this.#stringPartId, "text");
      chunks.push({ type: "text-start", id: this.#stringPartId });
    }
    chunks.push({ type: "text-delta", id: this.#stringPartId, delta: text });
    return chunks;
  }

  #closeStringPart(): Chunk[] {
    const id = this.#stringPartId;
    if (id === undefined) return [];
    this.#stringPartId = undefined;
    this.#openParts.delete(id);
    return [{ type: "text-end", id }];
  }

  #start(): Chunk {
    this.#hasStarted = true;
    return { type: "start", messageId: this.#messageId };
  }

  /** Whoever reads it a second time must find the same message, and not make up another id for it. */
  #withMessageId(chunk: Chunk): Chunk {
    if (chunk.type !== "start" || chunk.messageId !== undefined) return chunk;
    return { ...chunk, messageId: this.#messageId };
  }

  #note(chunk: Chunk): void {
    switch (chunk.type) {
      case "start":
        this.#hasStarted = true;
        return;
      case "start-step":
        this.#isStepOpen = true;
        return;
      case "finish-step":
        this.#isStepOpen = false;
        return;
      case "text-start":
        this.#openParts.set(chunk.id, "text");
        return;
      case "reasoning-start":
        this.#openParts.set(chunk.id, "reasoning");
        return;
      case "text-end":
      case "reasoning-end":
        this.#openParts.delete(chunk.id);
        return;
      case "error":
        this.#errorText = chunk.errorText;
        this.#hasEnded = true;
        return;
      case "abort":
      case "finish":
        this.#hasEnded = true;
        return;
    }
  }
}

function describe(output: unknown): string {
  if (typeof output !== "object" || output === null) return `a ${typeof output}`;
  const type = "type" in output && typeof output.type === "string" ? output.type.slice(0, 40) : undefined;
  return type === undefined ? "an object without a type" : `an object of type ${JSON.stringify(type)}`;
}
