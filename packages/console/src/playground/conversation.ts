import { textOf } from "@tachikoma/protocol";
import type { Entry } from "./chat-view.ts";

export interface ConversationMessage {
  readonly role: "user" | "assistant";
  readonly content: string;
}

/** Most messages that go to the handler, and most text; what is older is left out. */
export const MAX_CONVERSATION_MESSAGES = 200;
export const MAX_CONVERSATION_CHARS = 1_000_000;

/** The chat so far as the handler wants it, in the order of the log. Answers without a word are left out. */
export function conversationOf(entries: readonly Entry[]): readonly ConversationMessage[] {
  const messages: ConversationMessage[] = [];
  let chars = 0;
  for (const entry of entries.toReversed()) {
    const message = messageOf(entry);
    if (message === undefined) continue;
    chars += message.content.length;
    if (chars > MAX_CONVERSATION_CHARS || messages.length === MAX_CONVERSATION_MESSAGES) break;
    messages.push(message);
  }
  return messages.reverse();
}

function messageOf(entry: Entry): ConversationMessage | undefined {
  if (entry.kind === "user") return { role: "user", content: entry.text };
  if (entry.kind !== "answer") return undefined;
  const content = textOf(entry.content);
  return content === "" ? undefined : { role: "assistant", content };
}
