/**
 * Keeps the books of one answer: which part is open, which tool calls are being written. At most one text or reasoning part is
 * open at a time; whatever comes next closes it. Every method returns the chunks that follow from what it was told.
 */
import type { Chunk } from "@tachikoma/protocol";
import { asObject } from "./json-fields.ts";

/** Keeps one delta well below any limit on records and frames. */
const MAX_DELTA_CHARS = 16_384;

type ProseKind = "text" | "reasoning";

interface ProsePart {
  readonly kind: ProseKind;
  readonly id: string;
}

interface ToolCall {
  readonly id: string;
  readonly name: string;
  input: string;
}

export class ChatStream {
  #prose: ProsePart | undefined;
  #partCount = 0;
  /** Calls whose input is still being written, by the name that the endpoint uses for them. */
  readonly #toolCalls = new Map<string, ToolCall>();

  text(delta: string): Chunk[] {
    return this.#write("text", delta);
  }

  reasoning(delta: string): Chunk[] {
    return this.#write("reasoning", delta);
  }

  /** Ends the open text or reasoning part, if there is one. */
  closeProse(): Chunk[] {
    const open = this.#prose;
    this.#prose = undefined;
    return open === undefined ? [] : [{ type: `${open.kind}-end`, id: open.id }];
  }

  openToolCall(key: string, call: { readonly id: string; readonly name: string }): Chunk[] {
    const chunks = [...this.closeToolCall(key), ...this.closeProse()];
    this.#toolCalls.set(key, { ...call, input: "" });
    chunks.push({ type: "tool-input-start", toolCallId: call.id, toolName: call.name });
    return chunks;
  }

  toolInput(key: string, delta: string): Chunk[] {
    const call = this.#toolCalls.get(key);
    if (call === undefined || delta === "") return [];
    call.input += delta;
    return pieces(delta).map((inputTextDelta) => ({
      type: "tool-input-delta",
      toolCallId: call.id,
      inputTextDelta,
    }));
  }

  /** What the model wrote as the input becomes the input, or an error where it is not a JSON object. */
  closeToolCall(key: string): Chunk[] {
    const call = this.#toolCalls.get(key);
    if (call === undefined) return [];
    this.#toolCalls.delete(key);
    const named = { toolCallId: call.id, toolName: call.name };
    const input = parseInput(call.input);
    return input === undefined
      ? [
          {
            type: "tool-input-error",
            ...named,
            input: call.input,
            errorText: "The input is not a JSON object",
          },
        ]
      : [{ type: "tool-input-available", ...named, input }];
  }

  /** Ends everything that is open. */
  close(): Chunk[] {
    return [...this.closeProse(), ...[...this.#toolCalls.keys()].flatMap((key) => this.closeToolCall(key))];
  }

  #write(kind: ProseKind, delta: string): Chunk[] {
    if (delta === "") return [];
    const chunks = this.#prose?.kind === kind ? [] : this.closeProse();
    const part = this.#prose ?? { kind, id: this.#nextPartId() };
    if (part !== this.#prose) chunks.push({ type: `${kind}-start`, id: part.id });
    this.#prose = part;
    for (const piece of pieces(delta)) chunks.push({ type: `${kind}-delta`, id: part.id, delta: piece });
    return chunks;
  }

  /** Short: every delta repeats it. */
  #nextPartId(): string {
    this.#partCount += 1;
    return `p${this.#partCount}`;
  }
}

/** A call without any input means the empty object. */
function parseInput(text: string): object | undefined {
  if (text.trim() === "") return {};
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Cuts a long delta, never inside a surrogate pair. */
function pieces(text: string): string[] {
  if (text.length <= MAX_DELTA_CHARS) return [text];
  const cut: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(text.length, start + MAX_DELTA_CHARS);
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    cut.push(text.slice(start, end));
    start = end;
  }
  return cut;
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
