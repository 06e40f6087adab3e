/**
 * Pieces of an execution's content. The vocabulary is the AI SDK's UIMessage chunks, so that what is logged here can be handed
 * to `useChat` as it is. The set of types is closed (but for `data-*`), the set of fields is open: unknown fields pass.
 */
type Fields = Readonly<Record<string, unknown>>;

type ChunkWith<Type extends string, Own = unknown> = Own & {
  readonly type: Type;
  readonly [field: string]: unknown;
};

interface WithProvider {
  readonly providerMetadata?: Fields;
}

interface WithTool extends WithProvider {
  readonly toolCallId: string;
  readonly providerExecuted?: boolean;
  readonly toolMetadata?: Fields;
  readonly dynamic?: boolean;
}

interface WithToolInput extends WithTool {
  readonly toolName: string;
  readonly title?: string;
}

interface WithText extends WithProvider {
  readonly id: string;
}

interface WithDelta extends WithText {
  readonly delta: string;
}

interface WithFile extends WithProvider {
  readonly url: string;
  readonly mediaType: string;
}

export const FINISH_REASONS = [
  "stop",
  "length",
  "content-filter",
  "tool-calls",
  "interrupted",
  "error",
  "other",
] as const;

export type FinishReason = (typeof FINISH_REASONS)[number];

/** One piece of the user message that steered a run while it was under way. */
export type SteeringPart =
  | ChunkWith<"text", WithProvider & { readonly text: string }>
  | ChunkWith<"file", WithFile & { readonly filename?: string }>;

/** Data of the application, named by what follows `data-`. The same type and `id` again replaces what was there. */
export type DataChunk = ChunkWith<
  `data-${string}`,
  { readonly id?: string; readonly data?: unknown; readonly transient?: boolean }
>;

export type FixedChunk =
  | ChunkWith<"start", { readonly messageId?: string; readonly messageMetadata?: unknown }>
  | ChunkWith<"finish", { readonly finishReason?: FinishReason; readonly messageMetadata?: unknown }>
  | ChunkWith<"abort", { readonly reason?: string }>
  | ChunkWith<"error", { readonly errorText: string }>
  | ChunkWith<"message-metadata", { readonly messageMetadata?: unknown }>
  | ChunkWith<"start-step">
  | ChunkWith<"finish-step">
  | ChunkWith<"reset-step">
  | ChunkWith<"text-start", WithText>
  | ChunkWith<"text-delta", WithDelta>
  | ChunkWith<"text-end", WithText & { readonly citations?: readonly unknown[] }>
  | ChunkWith<"reasoning-start", WithText>
  | ChunkWith<"reasoning-delta", WithDelta>
  | ChunkWith<"reasoning-end", WithText>
  | ChunkWith<"tool-input-start", WithToolInput & { readonly inputEncoding?: "json" | "text" }>
  | ChunkWith<"tool-input-delta", { readonly toolCallId: string; readonly inputTextDelta: string }>
  | ChunkWith<"tool-input-available", WithToolInput & { readonly input?: unknown }>
  | ChunkWith<"tool-input-error", WithToolInput & { readonly input?: unknown; readonly errorText: string }>
  | ChunkWith<
      "tool-approval-request",
      {
        readonly approvalId: string;
        readonly toolCallId: string;
        readonly approvalDescriptor?: unknown;
        readonly inputSchemaInput?: unknown;
        readonly reason?: string;
        readonly isAutomatic?: boolean;
        readonly signature?: string;
      }
    >
  | ChunkWith<
      "tool-approval-response",
      WithProvider & {
        readonly approvalId: string;
        readonly approved: boolean;
        readonly reason?: string;
        readonly providerExecuted?: boolean;
      }
    >
  | ChunkWith<
      "tool-output-available",
      WithTool & { readonly output?: unknown; readonly preliminary?: boolean }
    >
  | ChunkWith<"tool-output-error", WithTool & { readonly errorText: string }>
  | ChunkWith<"tool-output-denied", { readonly toolCallId: string }>
  | ChunkWith<
      "source-url",
      WithProvider & { readonly sourceId: string; readonly url: string; readonly title?: string }
    >
  | ChunkWith<
      "source-document",
      WithProvider & {
        readonly sourceId: string;
        readonly mediaType: string;
        readonly title: string;
        readonly filename?: string;
      }
    >
  | ChunkWith<"file", WithFile>
  | ChunkWith<"reasoning-file", WithFile>
  | ChunkWith<"custom", WithProvider & { readonly kind: string }>
  | ChunkWith<"steering-message", { readonly id: string; readonly parts: readonly SteeringPart[] }>;

export type Chunk = FixedChunk | DataChunk;
export type ChunkType = Chunk["type"];
export type FixedChunkType = FixedChunk["type"];
export type ChunkOf<Type extends ChunkType> = Extract<Chunk, { type: Type }>;

/** Every type that has a name of its own; `data-*` comes on top. */
export const CHUNK_TYPES = [
  "start",
  "finish",
  "abort",
  "error",
  "message-metadata",
  "start-step",
  "finish-step",
  "reset-step",
  "text-start",
  "text-delta",
  "text-end",
  "reasoning-start",
  "reasoning-delta",
  "reasoning-end",
  "tool-input-start",
  "tool-input-delta",
  "tool-input-available",
  "tool-input-error",
  "tool-approval-request",
  "tool-approval-response",
  "tool-output-available",
  "tool-output-error",
  "tool-output-denied",
  "source-url",
  "source-document",
  "file",
  "reasoning-file",
  "custom",
  "steering-message",
] as const satisfies readonly FixedChunkType[];

export function isDataChunk(chunk: Chunk): chunk is DataChunk {
  return chunk.type.startsWith("data-");
}
