/** What the chunks of one execution add up to. The parts have the shape of the AI SDK's UIMessage parts. */
import type { FinishReason, SteeringPart } from "./chunk.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface FoldedMessage {
  /** What `start` said; what the fold was begun with until then. */
  readonly id: string;
  readonly role: "assistant";
  readonly parts: readonly MessagePart[];
  readonly metadata?: unknown;
  readonly status: MessageStatus;
  readonly finishReason?: FinishReason;
  /** Why the stream was aborted, where it said so. */
  readonly abortReason?: string;
  /** What the last `error` chunk said. */
  readonly errorText?: string;
}

/** How the content ended, by its own account. That the execution ended is told by its terminal record. */
export type MessageStatus = "streaming" | "finished" | "aborted" | "failed";

export type MessagePart =
  | TextPart
  | ReasoningPart
  | ToolPart
  | SourceUrlPart
  | SourceDocumentPart
  | FilePart
  | CustomPart
  | DataPart
  | SteeringMessagePart
  | StepStartPart;

export interface TextPart {
  readonly type: "text";
  readonly id: string;
  readonly text: string;
  readonly state: "streaming" | "done";
  readonly citations?: readonly unknown[];
  readonly providerMetadata?: Fields;
}

export interface ReasoningPart {
  readonly type: "reasoning";
  readonly id: string;
  readonly text: string;
  readonly state: "streaming" | "done";
  readonly providerMetadata?: Fields;
}

/** What a tool call keeps through all its states. */
export interface ToolCall {
  /** `dynamic-tool`, or `tool-` and the tool's name. */
  readonly type: "dynamic-tool" | `tool-${string}`;
  /** Empty when the chunk that named the tool is no longer retained. */
  readonly toolName: string;
  readonly toolCallId: string;
  readonly title?: string;
  readonly toolMetadata?: Fields;
  readonly providerExecuted?: boolean;
  readonly callProviderMetadata?: Fields;
  readonly approval?: ToolApproval;
}

export interface ToolApproval {
  readonly id: string;
  /** Absent until there is an answer. */
  readonly approved?: boolean;
  /** Why it was answered so. */
  readonly reason?: string;
  /** Why it was asked. */
  readonly requestReason?: string;
  readonly descriptor?: unknown;
  readonly inputSchemaInput?: unknown;
  readonly isAutomatic?: boolean;
  readonly signature?: string;
}

export type ToolPart = ToolCall &
  (
    | {
        readonly state: "input-streaming";
        /** The input as text, as far as it has come; `partialInputOf` reads it as a value. */
        readonly rawInput: string;
        /** How the text is to be read. @default "json" */
        readonly inputEncoding?: "json" | "text";
      }
    | { readonly state: "input-available"; readonly input: unknown }
    | { readonly state: "approval-requested" | "approval-responded"; readonly input: unknown }
    | {
        readonly state: "output-available";
        readonly input: unknown;
        readonly output: unknown;
        /** More output follows and replaces this. */
        readonly preliminary?: boolean;
        readonly resultProviderMetadata?: Fields;
      }
    | {
        readonly state: "output-error";
        readonly input: unknown;
        readonly errorText: string;
        readonly resultProviderMetadata?: Fields;
      }
    | { readonly state: "output-denied"; readonly input: unknown }
  );

export interface SourceUrlPart {
  readonly type: "source-url";
  readonly sourceId: string;
  readonly url: string;
  readonly title?: string;
  readonly providerMetadata?: Fields;
}

export interface SourceDocumentPart {
  readonly type: "source-document";
  readonly sourceId: string;
  readonly mediaType: string;
  readonly title: string;
  readonly filename?: string;
  readonly providerMetadata?: Fields;
}

export interface FilePart {
  readonly type: "file" | "reasoning-file";
  readonly mediaType: string;
  readonly url: string;
  readonly providerMetadata?: Fields;
}

export interface CustomPart {
  readonly type: "custom";
  readonly kind: string;
  readonly providerMetadata?: Fields;
}

export interface DataPart {
  readonly type: `data-${string}`;
  readonly id?: string;
  readonly data?: unknown;
}

/** A user message that joined the run, at the place where it took effect. */
export interface SteeringMessagePart {
  readonly type: "steering-message";
  readonly id: string;
  readonly parts: readonly SteeringPart[];
}

export interface StepStartPart {
  readonly type: "step-start";
}

/** A message to begin a fold with. */
export function emptyMessage(id = ""): FoldedMessage {
  return { id, role: "assistant", parts: [], status: "streaming" };
}

/** The text of all text parts; reasoning is not part of it. */
export function textOf(message: Pick<FoldedMessage, "parts">): string {
  const texts: string[] = [];
  for (const part of message.parts) {
    if (part.type === "text") texts.push(part.text);
  }
  return texts.join("");
}

export function isToolPart(part: MessagePart): part is ToolPart {
  return "toolCallId" in part;
}

export function isDataPart(part: MessagePart): part is DataPart {
  return part.type.startsWith("data-");
}
