/**
 * Chat completion chunks, as OpenAI defines them and as others send them. An answer is complete with its `finish_reason`; usage
 * follows in a chunk of its own, then `[DONE]`.
 */
import type { Chunk, FinishReason, Usage } from "@tachikoma/protocol";
import type { Translation, TranslationContext, TranslationState } from "./chat-endpoint.ts";
import { ChatStream } from "./chat-stream.ts";
import { readEventObject, unreadable } from "./event-object.ts";
import type { ServerSentEvent } from "./event-stream.ts";
import { asObject, countAt, type JsonObject, listAt, objectAt, textAt } from "./json-fields.ts";
import { faultOfErrorEvent, UpstreamError } from "./upstream-fault.ts";
import { readErrorBody } from "./upstream-text.ts";

const FINISH_REASONS = new Map<string, FinishReason>([
  ["stop", "stop"],
  ["length", "length"],
  ["content_filter", "content-filter"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
]);

interface OpenCall {
  readonly key: string;
  readonly id: string;
}

export class OpenAiTranslation implements Translation {
  readonly #context: TranslationContext;
  readonly #stream = new ChatStream();
  /** The call that is being written, for each index that the endpoint uses. */
  readonly #calls = new Map<number, OpenCall>();
  #callCount = 0;
  #state: TranslationState = "open";
  #finishReason: FinishReason = "other";

  constructor(context: TranslationContext) {
    this.#context = context;
  }

  get state(): TranslationState {
    return this.#state;
  }

  get finishReason(): FinishReason {
    return this.#finishReason;
  }

  accept(event: ServerSentEvent): readonly Chunk[] {
    if (event.data.trim() === "[DONE]") {
      this.#state = "closed";
      return [];
    }
    const body = readEventObject(event);
    if (event.name === "error" || (body["error"] !== undefined && body["error"] !== null)) {
      throw new UpstreamError(faultOfErrorEvent(readErrorBody(body, this.#context.clean)));
    }
    const usage = readUsage(objectAt(body, "usage"));
    if (usage !== undefined) this.#context.usage(usage);
    return (listAt(body, "choices") ?? []).flatMap((choice) => this.#acceptChoice(asObject(choice)));
  }

  close(): readonly Chunk[] {
    return this.#stream.close();
  }

  #acceptChoice(choice: JsonObject | undefined): Chunk[] {
    // Only one answer is asked for; a server that sends more must not get them mixed into one.
    if ((countAt(choice, "index") ?? 0) !== 0) return [];
    const delta = objectAt(choice, "delta");
    const chunks = delta === undefined ? [] : this.#acceptDelta(delta);
    const finishReason = textAt(choice, "finish_reason") ?? "";
    if (finishReason !== "") {
      this.#finishReason = FINISH_REASONS.get(finishReason) ?? "other";
      this.#state = "complete";
    }
    return chunks;
  }

  #acceptDelta(delta: JsonObject): Chunk[] {
    // Some servers send the same thought under both names.
    const reasoning = textAt(delta, "reasoning_content") || textAt(delta, "reasoning") || "";
    return [
      ...this.#stream.reasoning(reasoning),
      ...this.#acceptContent(delta["content"]),
      // A refusal is what the model says in place of an answer.
      ...this.#stream.text(textAt(delta, "refusal") ?? ""),
      ...(listAt(delta, "tool_calls") ?? []).flatMap((call) => this.#acceptToolCall(asObject(call))),
    ];
  }

  /** Text, nothing, or (Mistral) a list of parts. */
  #acceptContent(content: unknown): Chunk[] {
    if (content === undefined || content === null) return [];
    if (typeof content === "string") return this.#stream.text(content);
    if (!Array.isArray(content)) throw unreadable("delta.content is neither text nor a list");
    return content.map(asObject).flatMap((part) => {
      const thoughts = (listAt(part, "thinking") ?? []).map(
        (thought) => textAt(asObject(thought), "text") ?? "",
      );
      return [...this.#stream.reasoning(thoughts.join("")), ...this.#stream.text(textAt(part, "text") ?? "")];
    });
  }

  #acceptToolCall(call: JsonObject | undefined): Chunk[] {
    const fn = objectAt(call, "function");
    const name = textAt(fn, "name") ?? "";
    const id = textAt(call, "id") ?? "";
    const index =
      countAt(call, "index") ?? (id === "" ? Math.max(0, this.#calls.size - 1) : this.#calls.size);
    const known = this.#calls.get(index);
    // Some servers give every call the index 0; a new id tells them apart.
    const isNew = known === undefined || (id !== "" && name !== "" && id !== known.id);
    if (isNew && name === "") throw unreadable("a tool call has no name");
    const chunks = isNew ? this.#openToolCall(index, id, name) : [];
    const key = this.#calls.get(index)?.key ?? "";
    return [...chunks, ...this.#stream.toolInput(key, textAt(fn, "arguments") ?? "")];
  }

  #openToolCall(index: number, givenId: string, name: string): Chunk[] {
    const previous = this.#calls.get(index);
    const closed = previous === undefined ? [] : this.#stream.closeToolCall(previous.key);
    this.#callCount += 1;
    const key = `call-${this.#callCount}`;
    const id = givenId === "" ? `${this.#context.executionId}-${key}` : givenId;
    this.#calls.set(index, { key, id });
    return [...closed, ...this.#stream.openToolCall(key, { id, name })];
  }
}

function readUsage(usage: JsonObject | undefined): Usage | undefined {
  const inputTokens = countAt(usage, "prompt_tokens");
  const outputTokens = countAt(usage, "completion_tokens");
  if (inputTokens === undefined && outputTokens === undefined) return undefined;
  const totalTokens = countAt(usage, "total_tokens") ?? (inputTokens ?? 0) + (outputTokens ?? 0);
  const reasoningTokens = countAt(objectAt(usage, "completion_tokens_details"), "reasoning_tokens");
  const cachedInputTokens = countAt(objectAt(usage, "prompt_tokens_details"), "cached_tokens");
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
    totalTokens,
    ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
    ...(cachedInputTokens === undefined ? {} : { cachedInputTokens }),
  };
}
