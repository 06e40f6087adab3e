import { MAX_ID_CHARS } from "@tachikoma/protocol";

/**
 * Id of the message that an execution writes, where its handler names none. A conversation that ends with a message of the
 * assistant's is one to go on with: `useChat` sends it when a tool call in it has been answered or approved. To all others the
 * content is a new message, named after its execution.
 */
export function messageIdFor(input: unknown, executionId: string): string {
  const { messages, trigger } = fieldsOf(input);
  const { role, id } = fieldsOf(Array.isArray(messages) ? messages.at(-1) : undefined);
  const isNamed = typeof id === "string" && id !== "" && id.length <= MAX_ID_CHARS;
  const isContinued = isNamed && role === "assistant" && trigger !== "regenerate-message";
  return isContinued ? id : executionId;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
