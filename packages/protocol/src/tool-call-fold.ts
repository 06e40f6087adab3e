/** The states of one tool call: what a part becomes when a chunk of its call arrives. */
import type { ChunkOf } from "./chunk.ts";
import { definedFields } from "./defined-fields.ts";
import type { ToolCall, ToolPart } from "./message.ts";
import { parsePartialJson } from "./partial-json.ts";

export type ToolChunk = ChunkOf<
  | "tool-input-start"
  | "tool-input-delta"
  | "tool-input-available"
  | "tool-input-error"
  | "tool-approval-request"
  | "tool-approval-response"
  | "tool-output-available"
  | "tool-output-error"
  | "tool-output-denied"
>;

/** The input of a tool call as far as it is known; while it streams, read from what has come so far. Costs a pass over it. */
export function partialInputOf(part: ToolPart): unknown {
  if (part.state !== "input-streaming") return part.input;
  return part.inputEncoding === "text" ? part.rawInput : parsePartialJson(part.rawInput);
}

/**
 * The part after the chunk. `part` is `undefined` when the call is new, or when the chunk that began it is no longer retained:
 * then what can be known is kept, under an empty tool name.
 */
export function nextToolPart(part: ToolPart | undefined, chunk: ToolChunk): ToolPart {
  switch (chunk.type) {
    case "tool-input-start":
      return {
        ...namedCall(part, chunk),
        state: "input-streaming",
        rawInput: "",
        ...definedFields({ inputEncoding: chunk.inputEncoding }),
      };
    case "tool-input-delta":
      return withInputText(part, chunk);
    case "tool-input-available":
      return { ...namedCall(part, chunk), state: "input-available", input: chunk.input };
    case "tool-input-error": {
      const { callProviderMetadata: _, ...call } = namedCall(part, chunk);
      return {
        ...call,
        ...definedFields({ callProviderMetadata: part?.callProviderMetadata }),
        ...failure(chunk),
        input: chunk.input,
      };
    }
    case "tool-output-error":
      return { ...ranCall(part, chunk), ...failure(chunk), input: inputOf(part) };
    case "tool-output-available":
      return {
        ...ranCall(part, chunk),
        state: "output-available",
        input: inputOf(part),
        output: chunk.output,
        ...definedFields({
          preliminary: chunk.preliminary,
          resultProviderMetadata: chunk.providerMetadata,
        }),
      };
    case "tool-output-denied":
      return { ...callOf(part, chunk.toolCallId), state: "output-denied", input: inputOf(part) };
    case "tool-approval-request":
      return withRequest(part, chunk);
    case "tool-approval-response":
      return withAnswer(part, chunk);
  }
}

function withInputText(part: ToolPart | undefined, chunk: ChunkOf<"tool-input-delta">): ToolPart {
  if (part === undefined) {
    return {
      ...callOf(undefined, chunk.toolCallId),
      state: "input-streaming",
      rawInput: chunk.inputTextDelta,
    };
  }
  // The whole input is there already: a late piece of its text adds nothing.
  if (part.state !== "input-streaming") return part;
  return { ...part, rawInput: part.rawInput + chunk.inputTextDelta };
}

function failure(chunk: ChunkOf<"tool-input-error" | "tool-output-error">) {
  return {
    state: "output-error" as const,
    errorText: chunk.errorText,
    ...definedFields({ resultProviderMetadata: chunk.providerMetadata }),
  };
}

function withRequest(part: ToolPart | undefined, chunk: ChunkOf<"tool-approval-request">): ToolPart {
  const approval = {
    id: chunk.approvalId,
    ...definedFields({
      requestReason: chunk.reason,
      descriptor: chunk.approvalDescriptor,
      inputSchemaInput: chunk.inputSchemaInput,
      isAutomatic: chunk.isAutomatic,
      signature: chunk.signature,
    }),
  };
  return {
    ...callOf(part, chunk.toolCallId),
    state: "approval-requested",
    input: inputOf(part),
    approval,
  };
}

function withAnswer(part: ToolPart | undefined, chunk: ChunkOf<"tool-approval-response">): ToolPart {
  const approval = {
    ...part?.approval,
    id: chunk.approvalId,
    approved: chunk.approved,
    ...definedFields({ reason: chunk.reason }),
  };
  return {
    ...callOf(part, ""),
    ...definedFields({
      providerExecuted: chunk.providerExecuted,
      callProviderMetadata: chunk.providerMetadata,
    }),
    state: "approval-responded",
    input: inputOf(part),
    approval,
  };
}

function namedCall(
  part: ToolPart | undefined,
  chunk: ChunkOf<"tool-input-start" | "tool-input-available" | "tool-input-error">,
): ToolCall {
  return {
    ...callOf(part, chunk.toolCallId),
    type: isDynamic(part, chunk) ? "dynamic-tool" : `tool-${chunk.toolName}`,
    toolName: chunk.toolName,
    ...definedFields({
      title: chunk.title,
      toolMetadata: chunk.toolMetadata,
      providerExecuted: chunk.providerExecuted,
      callProviderMetadata: chunk.providerMetadata,
    }),
  };
}

function isDynamic(part: ToolPart | undefined, chunk: ChunkOf<ToolChunk["type"]>): boolean {
  if (chunk.type === "tool-input-error" && part !== undefined) return part.type === "dynamic-tool";
  return chunk["dynamic"] === true;
}

function ranCall(
  part: ToolPart | undefined,
  chunk: ChunkOf<"tool-output-available" | "tool-output-error">,
): ToolCall {
  return {
    ...callOf(part, chunk.toolCallId),
    ...definedFields({ toolMetadata: chunk.toolMetadata, providerExecuted: chunk.providerExecuted }),
  };
}

/** What stays of a call when its state changes. */
function callOf(part: ToolPart | undefined, toolCallId: string): ToolCall {
  if (part === undefined) return { type: "dynamic-tool", toolName: "", toolCallId };
  const { type, toolName, title, toolMetadata, providerExecuted, callProviderMetadata, approval } = part;
  return {
    type,
    toolName,
    toolCallId: part.toolCallId,
    ...definedFields({ title, toolMetadata, providerExecuted, callProviderMetadata, approval }),
  };
}

function inputOf(part: ToolPart | undefined): unknown {
  return part === undefined ? undefined : partialInputOf(part);
}
