import { TachikomaError } from "@tachikoma/protocol";
import { asObject, type JsonObject } from "./json-fields.ts";

/** What every backend is asked: who said what, in order. */
export interface ConversationMessage {
  readonly role: Role;
  readonly content: string;
}

export type Role = "system" | "user" | "assistant";

export interface ConversationLimits {
  /** @default 10_000 */
  readonly maxMessageCount: number;
  /** All text together, in UTF-8. @default 4 MiB */
  readonly maxTextBytes: number;
}

export const CONVERSATION_LIMITS: ConversationLimits = {
  maxMessageCount: 10_000,
  maxTextBytes: 4 * 1024 * 1024,
};

/** Parts of one message; far beyond what chat interfaces make, and small enough to walk. */
const MAX_PART_COUNT = 10_000;
const SHOWN_CHARS = 40;
const ROLES: readonly string[] = ["system", "user", "assistant"] satisfies readonly Role[];

/**
 * The conversation in an execution's input: `{messages}`, `{prompt}` or a bare string. Messages carry `content` (text) or the
 * `parts` of an AI SDK UIMessage, of which the text counts; a message without any text is left out.
 *
 * @throws TachikomaError INVALID_MESSAGE
 */
export function readConversation(
  input: unknown,
  limits: ConversationLimits = CONVERSATION_LIMITS,
): readonly ConversationMessage[] {
  const messages = messagesOf(input, limits).filter((message) => message.content !== "");
  if (messages.length === 0) throw invalid("The input has no text");
  requireTextWithin(messages, limits.maxTextBytes);
  return messages;
}

/** Puts the configured system prompt, which no client can remove, in front. */
export function withSystemPrompt(
  messages: readonly ConversationMessage[],
  system: string | undefined,
): readonly ConversationMessage[] {
  return system === undefined || system === ""
    ? messages
    : [{ role: "system", content: system }, ...messages];
}

/** The last thing the user said. */
export function lastUserText(messages: readonly ConversationMessage[]): string {
  return messages.findLast((message) => message.role === "user")?.content ?? "";
}

function messagesOf(input: unknown, limits: ConversationLimits): ConversationMessage[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  const fields = asObject(input);
  if (fields === undefined) {
    throw invalid(`The input is ${kindOf(input)}; it must be text or an object with "messages" or "prompt"`);
  }
  if (fields["messages"] !== undefined) return readMessages(fields["messages"], limits);
  const prompt = fields["prompt"];
  if (typeof prompt === "string") return [{ role: "user", content: prompt }];
  if (prompt !== undefined) throw invalid(`prompt is ${kindOf(prompt)}; it must be text`);
  throw invalid('The input has neither "messages" nor "prompt"');
}

function readMessages(messages: unknown, limits: ConversationLimits): ConversationMessage[] {
  if (!Array.isArray(messages)) throw invalid(`messages is ${kindOf(messages)}; it must be a list`);
  if (messages.length > limits.maxMessageCount) {
    throw invalid(`There are ${messages.length} messages; at most ${limits.maxMessageCount} are allowed`);
  }
  return messages.map((message, index) => readMessage(message, `messages[${index}]`));
}

function readMessage(value: unknown, where: string): ConversationMessage {
  const message = asObject(value);
  if (message === undefined) throw invalid(`${where} is ${kindOf(value)}; it must be an object`);
  return { role: readRole(message["role"], `${where}.role`), content: readContent(message, where) };
}

function readRole(role: unknown, where: string): Role {
  if (typeof role === "string" && ROLES.includes(role)) return role as Role;
  const found = typeof role === "string" ? JSON.stringify(role.slice(0, SHOWN_CHARS)) : kindOf(role);
  throw invalid(`${where} is ${found}; it must be one of ${ROLES.join(", ")}`);
}

function readContent(message: JsonObject, where: string): string {
  const { parts, content } = message;
  if (parts !== undefined) return readParts(parts, `${where}.parts`);
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return readParts(content, `${where}.content`);
  throw invalid(`${where} has neither "content" text nor "parts"`);
}

function readParts(parts: unknown, where: string): string {
  if (!Array.isArray(parts)) throw invalid(`${where} is ${kindOf(parts)}; it must be a list`);
  if (parts.length > MAX_PART_COUNT) {
    throw invalid(`${where} has ${parts.length} parts; at most ${MAX_PART_COUNT} are allowed`);
  }
  return parts.map((part, index) => readPart(part, `${where}[${index}]`)).join("");
}

function readPart(value: unknown, where: string): string {
  const part = asObject(value);
  if (part === undefined) throw invalid(`${where} is ${kindOf(value)}; it must be an object`);
  if (part["type"] !== "text") return "";
  const text = part["text"];
  if (typeof text !== "string") throw invalid(`${where}.text is ${kindOf(text)}; it must be text`);
  return text;
}

function requireTextWithin(messages: readonly ConversationMessage[], maxTextBytes: number): void {
  const textBytes = messages.reduce((sum, message) => sum + Buffer.byteLength(message.content), 0);
  if (textBytes > maxTextBytes) {
    throw invalid(`The conversation has ${textBytes} bytes of text; at most ${maxTextBytes} are allowed`);
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function invalid(message: string): TachikomaError {
  return new TachikomaError("INVALID_MESSAGE", message);
}
