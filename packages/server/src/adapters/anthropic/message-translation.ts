/**
 * An execution as the events of Anthropic's Messages API: blocks that are opened, filled and stopped under their index. A block
 * cannot be taken back: where the content becomes void, the translation is at its end with an error.
 */
import type { Chunk, ChunkOf, FinishReason, Usage } from "@tachikoma/protocol";
import { type ExecutionFault, faultOf, RESTARTED_FAULT } from "../execution/execution-end.ts";
import { type EndFrame, type ExecutionFrame, isEnd } from "../execution/execution-frames.ts";
import { ENDED_WITH_ERROR } from "../execution/folded-execution.ts";
import { anthropicError } from "./anthropic-error.ts";

export interface MessageEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

export const STOP_REASONS: { readonly [Reason in FinishReason]: string } = {
  stop: "end_turn",
  length: "max_tokens",
  "content-filter": "refusal",
  "tool-calls": "tool_use",
  interrupted: "max_tokens",
  error: "end_turn",
  other: "end_turn",
};

interface OpenBlock {
  readonly index: number;
  hasInput: boolean;
}

export class MessageTranslation {
  /** By part or call. */
  readonly #blocks = new Map<string, OpenBlock>();
  #blockCount = 0;
  /** How many there were when the current step began. */
  #blockCountBefore = 0;
  #finishReason: FinishReason = "stop";
  #isEnded = false;

  /** Whether nothing more comes. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  accept(frame: ExecutionFrame): MessageEvent[] {
    if (this.#isEnded) return [];
    if (frame.type === "chunk") return this.#acceptChunk(frame.chunk);
    return isEnd(frame) ? this.#end(frame) : this.#void();
  }

  #acceptChunk(chunk: Chunk): MessageEvent[] {
    switch (chunk.type) {
      case "text-start":
        return this.#open(`text:${chunk.id}`, TEXT_BLOCK);
      case "reasoning-start":
        return this.#open(`reasoning:${chunk.id}`, THINKING_BLOCK);
      case "text-delta":
        return this.#fill(`text:${chunk.id}`, TEXT_BLOCK, { type: "text_delta", text: chunk.delta });
      case "reasoning-delta":
        return this.#fill(`reasoning:${chunk.id}`, THINKING_BLOCK, {
          type: "thinking_delta",
          thinking: chunk.delta,
        });
      case "text-end":
        return this.#stop(`text:${chunk.id}`);
      case "reasoning-end":
        return this.#stop(`reasoning:${chunk.id}`);
      case "tool-input-start":
        return chunk.providerExecuted === true
          ? []
          : this.#open(`call:${chunk.toolCallId}`, toolBlock(chunk));
      case "tool-input-delta":
        return this.#fillCall(chunk.toolCallId, chunk.inputTextDelta);
      case "tool-input-available":
        return chunk.providerExecuted === true ? [] : this.#completeCall(chunk);
      case "tool-input-error":
        return this.#stop(`call:${chunk.toolCallId}`);
      case "start-step":
        this.#blockCountBefore = this.#blockCount;
        return [];
      case "reset-step":
        return this.#blockCount === this.#blockCountBefore ? [] : this.#fail(RESTARTED_FAULT);
      case "finish":
        this.#finishReason = chunk.finishReason ?? "stop";
        return [];
      default:
        return [];
    }
  }

  #open(key: string, block: object): MessageEvent[] {
    const stopped = this.#stop(key);
    const opened = { index: this.#blockCount, hasInput: false };
    this.#blockCount += 1;
    this.#blocks.set(key, opened);
    return [...stopped, { type: "content_block_start", index: opened.index, content_block: block }];
  }

  #fill(key: string, block: object, delta: object): MessageEvent[] {
    const opened = this.#blocks.has(key) ? [] : this.#open(key, block);
    const { index } = this.#blocks.get(key)!;
    return [...opened, { type: "content_block_delta", index, delta }];
  }

  #fillCall(toolCallId: string, partialJson: string): MessageEvent[] {
    const block = this.#blocks.get(`call:${toolCallId}`);
    if (block === undefined || partialJson === "") return [];
    block.hasInput = true;
    const delta = { type: "input_json_delta", partial_json: partialJson };
    return [{ type: "content_block_delta", index: block.index, delta }];
  }

  #completeCall(chunk: ChunkOf<"tool-input-available">): MessageEvent[] {
    const key = `call:${chunk.toolCallId}`;
    const opened = this.#blocks.has(key) ? [] : this.#open(key, toolBlock(chunk));
    const isFilled = this.#blocks.get(key)?.hasInput === true;
    const filled = isFilled ? [] : this.#fillCall(chunk.toolCallId, JSON.stringify(chunk.input ?? {}));
    return [...opened, ...filled, ...this.#stop(key)];
  }

  #stop(key: string): MessageEvent[] {
    const block = this.#blocks.get(key);
    if (block === undefined) return [];
    this.#blocks.delete(key);
    return [{ type: "content_block_stop", index: block.index }];
  }

  #void(): MessageEvent[] {
    return this.#blockCount === 0 ? [] : this.#fail(RESTARTED_FAULT);
  }

  #end(frame: EndFrame): MessageEvent[] {
    const fault = faultOf(frame) ?? (this.#finishReason === "error" ? ENDED_WITH_ERROR : undefined);
    const usage = messageUsage(frame.usage);
    if (fault !== undefined) {
      return [
        { type: "message_delta", delta: { stop_reason: null, stop_sequence: null }, usage },
        ...this.#fail(fault),
      ];
    }
    this.#isEnded = true;
    const delta = { stop_reason: STOP_REASONS[this.#finishReason], stop_sequence: null };
    return [
      ...[...this.#blocks.keys()].flatMap((key) => this.#stop(key)),
      { type: "message_delta", delta, usage },
      { type: "message_stop" },
    ];
  }

  #fail(fault: ExecutionFault): MessageEvent[] {
    this.#isEnded = true;
    return [anthropicError(fault) as MessageEvent];
  }
}

/** `input_tokens` leaves out what came from the cache or went into it. */
export function messageUsage(usage: Usage): object {
  const count = (name: string) => {
    const value = usage[name];
    return typeof value === "number" ? Math.round(value) : 0;
  };
  const [cached, written] = [count("cachedInputTokens"), count("cacheWriteInputTokens")];
  return {
    input_tokens: Math.max(0, count("inputTokens") - cached - written),
    output_tokens: count("outputTokens"),
    cache_read_input_tokens: cached,
    cache_creation_input_tokens: written,
  };
}

const TEXT_BLOCK = { type: "text", text: "" } as const;
const THINKING_BLOCK = { type: "thinking", thinking: "", signature: "" } as const;

function toolBlock({
  toolCallId,
  toolName,
}: {
  readonly toolCallId: string;
  readonly toolName: string;
}): object {
  return { type: "tool_use", id: toolCallId, name: toolName, input: {} };
}
