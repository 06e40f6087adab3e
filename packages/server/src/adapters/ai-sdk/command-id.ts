/**
 * Under which id a request of `useChat` is carried out. The SDK gives its requests none, so the id is made of what is asked:
 *
 *   a message that is sent     the chat, the handler, how many messages there are and the last one with all that is in it. The
 *                              same request again, however it was lost, is the same execution. An edited message, the output of
 *                              a tool and an answered approval differ in the last message: another execution.
 *   an answer made anew        always another id: two such requests look alike, and the second is a wish for another answer.
 *   with an idempotency key    that key decides alone, for whoever wants to repeat the latter safely.
 */
import { createHash, randomUUID } from "node:crypto";
import type { ChatRequest } from "./chat-request.ts";

export function commandIdFor(request: ChatRequest, idempotencyKey: string | undefined): string {
  const { chatId, handler, trigger, messageId, messages } = request;
  if (idempotencyKey !== undefined) return digest(["key", chatId, idempotencyKey]);
  if (trigger === "regenerate-message") return randomUUID();
  return digest([trigger, chatId, handler, messageId, messages.length, messages.at(-1)]);
}

function digest(parts: readonly unknown[]): string {
  return `ai-sdk:${createHash("sha256").update(JSON.stringify(parts)).digest("base64url")}`;
}
