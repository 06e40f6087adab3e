import type { ClientMessage } from "./schema/client-messages.ts";
import type { ServerMessage } from "./schema/server-messages.ts";
import { fromWireNames, toWireNames } from "./wire-names.ts";

/** The text frame of one message, either way. */
export function encodeMessage(message: ClientMessage | ServerMessage): string {
  return JSON.stringify(toWireNames(message));
}

/**
 * Reads one text frame from a server. Only the envelope is looked at: a client trusts its server, and a message type that
 * it does not know is a newer server's, which it ignores. `undefined` when the text is no message at all.
 */
export function decodeServerMessage(text: string): ServerMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string") {
    return undefined;
  }
  return fromWireNames(value) as ServerMessage;
}
