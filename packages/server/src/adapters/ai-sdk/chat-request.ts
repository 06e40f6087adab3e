/** What `useChat` asks for when a message is sent or an answer is to be made anew, whichever way it came. */
import { channelNameFault, MAX_HANDLER_CHARS, MAX_ID_CHARS, TachikomaError } from "@tachikoma/protocol";

export interface ChatRequest {
  readonly chatId: string;
  readonly handler: string;
  readonly trigger: Trigger;
  /** The message that is edited, continued or to be answered anew. */
  readonly messageId: string | undefined;
  /** UI messages, as the application's code or a backend reads them. */
  readonly messages: readonly UiMessage[];
  /** What the application sent besides. */
  readonly body: Fields;
}

export type Trigger = (typeof TRIGGERS)[number];
type Fields = Readonly<Record<string, unknown>>;
export type UiMessage = Fields;

const TRIGGERS = ["submit-message", "regenerate-message"] as const;
/** As many as a built-in backend takes. */
const MAX_MESSAGE_COUNT = 10_000;
const MAX_SHOWN_CHARS = 40;

/** Where a chat without another name for it is answered. */
const DEFAULT_HANDLER = "chat";

export interface ChatFields {
  readonly id?: unknown;
  readonly trigger?: unknown;
  readonly messageId?: unknown;
  readonly messages?: unknown;
  /** What is left, and `handler` among it. */
  readonly body: Fields;
  /** Of the address. It wins over the body's. */
  readonly handler: string | undefined;
}

/** @throws INVALID_MESSAGE, INVALID_CHANNEL */
export function readChatRequest({
  id,
  trigger,
  messageId,
  messages,
  body,
  handler,
}: ChatFields): ChatRequest {
  const { handler: handlerInBody, ...rest } = body;
  return {
    chatId: readChatId(id),
    handler: readText(handler ?? handlerInBody, "handler", MAX_HANDLER_CHARS) ?? DEFAULT_HANDLER,
    trigger: readTrigger(trigger),
    messageId: readText(messageId, "messageId", MAX_ID_CHARS),
    messages: readMessages(messages),
    body: rest,
  };
}

/** The channel in which the answers of a chat are written. @throws INVALID_CHANNEL */
export function channelOf(chatId: string): string {
  const channel = `chat:${chatId}`;
  const fault = channelNameFault(channel);
  if (fault !== undefined) throw new TachikomaError("INVALID_CHANNEL", fault);
  return channel;
}

/** The id of a chat. @throws INVALID_MESSAGE, INVALID_CHANNEL */
export function readChatId(id: unknown): string {
  if (typeof id !== "string" || id === "")
    throw invalid(`id is ${kindOf(id)}; it must be the id of the chat`);
  channelOf(id);
  return id;
}

function readTrigger(trigger: unknown): Trigger {
  if (trigger === undefined) return "submit-message";
  const known = TRIGGERS.find((candidate) => candidate === trigger);
  if (known !== undefined) return known;
  throw invalid(`trigger is ${kindOf(trigger)}; it must be one of ${TRIGGERS.join(", ")}`);
}

function readMessages(messages: unknown): readonly UiMessage[] {
  if (!Array.isArray(messages)) throw invalid(`messages is ${kindOf(messages)}; it must be a list`);
  if (messages.length === 0) throw invalid("messages is empty: there is nothing to answer");
  if (messages.length > MAX_MESSAGE_COUNT) {
    throw invalid(`There are ${messages.length} messages; at most ${MAX_MESSAGE_COUNT} are allowed`);
  }
  const wrong = messages.findIndex((message) => kindOf(message) !== "an object");
  if (wrong === -1) return messages as UiMessage[];
  throw invalid(`messages[${wrong}] is ${kindOf(messages[wrong])}; it must be an object`);
}

function readText(value: unknown, name: string, maxChars: number): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw invalid(`${name} is ${kindOf(value)}; it must be text`);
  if (value.length <= maxChars) return value;
  throw invalid(`${name} has ${value.length} characters, the limit is ${maxChars}`);
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "missing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return JSON.stringify(value.slice(0, MAX_SHOWN_CHARS));
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function invalid(message: string): TachikomaError {
  return new TachikomaError("INVALID_MESSAGE", message);
}
