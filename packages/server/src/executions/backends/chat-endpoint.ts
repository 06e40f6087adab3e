import type { Chunk, FinishReason, Usage } from "@tachikoma/protocol";
import type { ConversationMessage } from "./conversation.ts";
import type { ServerSentEvent } from "./event-stream.ts";
import type { UpstreamRequest } from "./upstream-request.ts";
import type { CleanText } from "./upstream-text.ts";

/** How one family of model endpoints is spoken to. */
export interface ChatEndpoint {
  readonly name: string;
  /** What must never be shown: the key, and the values of configured headers. */
  readonly secrets: readonly string[];
  request(messages: readonly ConversationMessage[]): UpstreamRequest;
  translate(context: TranslationContext): Translation;
}

export interface TranslationContext {
  readonly executionId: string;
  readonly clean: CleanText;
  usage(usage: Usage): void;
}

/**
 * - `open`: the answer is not complete; an end of the stream here is a cut.
 * - `complete`: nothing of the answer is missing; usage may still follow.
 * - `closed`: the endpoint said that this is all.
 */
export type TranslationState = "open" | "complete" | "closed";

/** Turns the events of one answer into chunks. */
export interface Translation {
  readonly state: TranslationState;
  readonly finishReason: FinishReason;
  /** @throws UpstreamError for an error event, or for something unreadable */
  accept(event: ServerSentEvent): readonly Chunk[];
  /** Ends what is still open. Called once, when the answer is complete. */
  close(): readonly Chunk[];
}
