/**
 * The events of Anthropic's Messages API. An answer is a list of blocks, each opened, filled and stopped under its index; usage
 * comes first for the input and then, cumulative, for the output. Only `message_stop` makes the answer complete.
 */
import type { Chunk, FinishReason, Usage } from "@tachikoma/protocol";
import type { Translation, TranslationContext, TranslationState } from "./chat-endpoint.ts";
import { ChatStream } from "./chat-stream.ts";
import { readEventObject, unreadable } from "./event-object.ts";
import type { ServerSentEvent } from "./event-stream.ts";
import { countAt, type JsonObject, objectAt, textAt } from "./json-fields.ts";
import { faultOfErrorEvent, UpstreamError } from "./upstream-fault.ts";
import { readErrorBody } from "./upstream-text.ts";

const FINISH_REASONS = new Map<string, FinishReason>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["tool_use", "tool-calls"],
  ["refusal", "content-filter"],
]);

export class AnthropicTranslation implements Translation {
  readonly #context: TranslationContext;
  readonly #stream = new ChatStream();
  #usage: JsonObject = {};
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
    const body = readEventObject(event);
    switch (textAt(body, "type") ?? event.name) {
      case "message_start":
        this.#addUsage(objectAt(objectAt(body, "message"), "usage"));
        return [];
      case "content_block_start":
        return this.#startBlock(blockKey(body), objectAt(body, "content_block"));
      case "content_block_delta":
        return this.#fillBlock(blockKey(body), objectAt(body, "delta"));
      case "content_block_stop":
        return [...this.#stream.closeProse(), ...this.#stream.closeToolCall(blockKey(body))];
      case "message_delta":
        this.#readStopReason(objectAt(body, "delta"));
        this.#addUsage(objectAt(body, "usage"));
        return [];
      case "message_stop":
        this.#state = "closed";
        return [];
      case "error":
        throw new UpstreamError(faultOfErrorEvent(readErrorBody(body, this.#context.clean)));
      default:
        // `ping`, and whatever is added later: the API asks its clients to ignore what they do not know.
        return [];
    }
  }

  close(): readonly Chunk[] {
    return this.#stream.close();
  }

  #startBlock(key: string, block: JsonObject | undefined): Chunk[] {
    switch (textAt(block, "type")) {
      case "text":
        return [...this.#stream.closeProse(), ...this.#stream.text(textAt(block, "text") ?? "")];
      case "thinking":
        return [...this.#stream.closeProse(), ...this.#stream.reasoning(textAt(block, "thinking") ?? "")];
      case "tool_use": {
        const [id, name] = [textAt(block, "id"), textAt(block, "name")];
        if (!id || !name) throw unreadable("a tool call has no id or no name");
        return this.#stream.openToolCall(key, { id, name });
      }
      default:
        // Redacted thoughts, and tools that the endpoint runs for itself.
        return [];
    }
  }

  #fillBlock(key: string, delta: JsonObject | undefined): Chunk[] {
    switch (textAt(delta, "type")) {
      case "text_delta":
        return this.#stream.text(textAt(delta, "text") ?? "");
      case "thinking_delta":
        return this.#stream.reasoning(textAt(delta, "thinking") ?? "");
      case "input_json_delta":
        return this.#stream.toolInput(key, textAt(delta, "partial_json") ?? "");
      default:
        return [];
    }
  }

  #readStopReason(delta: JsonObject | undefined): void {
    const stopReason = textAt(delta, "stop_reason");
    if (stopReason !== undefined) this.#finishReason = FINISH_REASONS.get(stopReason) ?? "other";
  }

  /** Each report is cumulative, but need not repeat all of the fields. */
  #addUsage(usage: JsonObject | undefined): void {
    if (usage === undefined) return;
    const told = Object.entries(usage).filter(([, value]) => typeof value === "number");
    this.#usage = { ...this.#usage, ...Object.fromEntries(told) };
    this.#context.usage(readUsage(this.#usage));
  }
}

/** `input_tokens` leaves out what came from the cache or went into it; everyone else counts it. */
function readUsage(usage: JsonObject): Usage {
  const cachedInputTokens = countAt(usage, "cache_read_input_tokens") ?? 0;
  const cacheWriteInputTokens = countAt(usage, "cache_creation_input_tokens") ?? 0;
  const inputTokens = (countAt(usage, "input_tokens") ?? 0) + cachedInputTokens + cacheWriteInputTokens;
  const outputTokens = countAt(usage, "output_tokens") ?? 0;
  return {
    inputTokens,
    outputTokens,
    totalTokens: inputTokens + outputTokens,
    ...(cachedInputTokens === 0 ? {} : { cachedInputTokens }),
    ...(cacheWriteInputTokens === 0 ? {} : { cacheWriteInputTokens }),
  };
}

function blockKey(body: JsonObject): string {
  const index = countAt(body, "index");
  if (index === undefined) throw unreadable("a block has no index");
  return String(index);
}
