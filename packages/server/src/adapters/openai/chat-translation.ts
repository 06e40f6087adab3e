/**
 * An execution as chat completion chunks. A chunk cannot take back what an earlier one said: where the content becomes void, the
 * translation is at its end with a fault.
 */
import type { Chunk, ChunkOf, FinishReason, Usage } from "@tachikoma/protocol";
import { type ExecutionFault, faultOf, RESTARTED_FAULT } from "../execution/execution-end.ts";
import { type ExecutionFrame, isEnd } from "../execution/execution-frames.ts";
import { ENDED_WITH_ERROR } from "../execution/folded-execution.ts";

export interface ChatDelta {
  readonly role?: "assistant";
  readonly content?: string;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ToolCallDelta[];
}

export interface ToolCallDelta {
  readonly index: number;
  readonly id?: string;
  readonly type?: "function";
  readonly function: { readonly name?: string; readonly arguments: string };
}

export type ChatEnd =
  | { readonly finishReason: string; readonly usage: Usage }
  | { readonly fault: ExecutionFault; readonly usage: Usage };

export const FINISH_REASONS: { readonly [Reason in FinishReason]: string } = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls",
  interrupted: "length",
  error: "stop",
  other: "stop",
};

type ToolCall = Pick<ChunkOf<"tool-input-start">, "toolCallId" | "toolName" | "providerExecuted">;

interface Call {
  readonly index: number;
  hasArguments: boolean;
}

export class ChatTranslation {
  readonly #calls = new Map<string, Call>();
  #callCount = 0;
  #hasContent = false;
  #hasStepContent = false;
  #finishReason: FinishReason = "stop";
  #end: ChatEnd | undefined;

  /** How it ended; `undefined` while it goes on. */
  get end(): ChatEnd | undefined {
    return this.#end;
  }

  accept(frame: ExecutionFrame): readonly ChatDelta[] {
    if (this.#end !== undefined) return [];
    if (frame.type === "chunk") return this.#acceptChunk(frame.chunk);
    if (!isEnd(frame)) this.#void();
    else {
      const fault = faultOf(frame) ?? (this.#finishReason === "error" ? ENDED_WITH_ERROR : undefined);
      const { usage } = frame;
      this.#end =
        fault === undefined ? { finishReason: FINISH_REASONS[this.#finishReason], usage } : { fault, usage };
    }
    return [];
  }

  #acceptChunk(chunk: Chunk): readonly ChatDelta[] {
    const deltas = this.#deltasOf(chunk);
    if (deltas.length > 0) {
      this.#hasContent = true;
      this.#hasStepContent = true;
    }
    return deltas;
  }

  #deltasOf(chunk: Chunk): readonly ChatDelta[] {
    switch (chunk.type) {
      case "text-delta":
        return chunk.delta === "" ? [] : [{ content: chunk.delta }];
      case "reasoning-delta":
        return chunk.delta === "" ? [] : [{ reasoning_content: chunk.delta }];
      case "tool-input-start":
        return this.#openCall(chunk);
      case "tool-input-delta":
        return this.#fillCall(chunk);
      case "tool-input-available":
        return this.#completeCall(chunk);
      case "start-step":
        this.#hasStepContent = false;
        return [];
      case "reset-step":
        if (this.#hasStepContent) this.#end = { fault: RESTARTED_FAULT, usage: {} };
        return [];
      case "finish":
        this.#finishReason = chunk.finishReason ?? "stop";
        return [];
      default:
        return [];
    }
  }

  #openCall({ toolCallId, toolName, providerExecuted }: ToolCall): ChatDelta[] {
    // The provider has run it: nobody is asked to.
    if (providerExecuted === true) return [];
    const call = { index: this.#callCount, hasArguments: false };
    this.#callCount += 1;
    this.#calls.set(toolCallId, call);
    const opened = { index: call.index, id: toolCallId, type: "function" as const };
    return [{ tool_calls: [{ ...opened, function: { name: toolName, arguments: "" } }] }];
  }

  #fillCall({ toolCallId, inputTextDelta }: ChunkOf<"tool-input-delta">): ChatDelta[] {
    const call = this.#calls.get(toolCallId);
    if (call === undefined || inputTextDelta === "") return [];
    call.hasArguments = true;
    return [{ tool_calls: [{ index: call.index, function: { arguments: inputTextDelta } }] }];
  }

  #completeCall(chunk: ChunkOf<"tool-input-available">): ChatDelta[] {
    const opened = this.#calls.has(chunk.toolCallId) ? [] : this.#openCall(chunk);
    const call = this.#calls.get(chunk.toolCallId);
    this.#calls.delete(chunk.toolCallId);
    if (call === undefined || call.hasArguments) return opened;
    const args = JSON.stringify(chunk.input ?? {});
    return [...opened, { tool_calls: [{ index: call.index, function: { arguments: args } }] }];
  }

  #void(): void {
    this.#calls.clear();
    this.#callCount = 0;
    if (this.#hasContent) this.#end = { fault: RESTARTED_FAULT, usage: {} };
  }
}
