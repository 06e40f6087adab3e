import { MAX_CHANNEL_BYTES } from "./limits.ts";

/**
 * Channel names: `namespace:rest` or a bare `namespace`. Names that start with `~` belong to the server (the inboxes);
 * a client may resume the inboxes of its own session and nothing else there.
 */
const CHANNEL_PATTERN = /^[^\p{C}\s~][^\p{C}\s]*$/u;

/** First character of every channel name that is the server's own. */
export const RESERVED_PREFIX = "~";

/** Namespace of the private channels that `execute` makes when none is named. */
export const EXECUTION_NAMESPACE = "execution";

/** `undefined` when a client may use the name; otherwise what is wrong with it. */
export function channelNameFault(name: string): string | undefined {
  if (name.length === 0) return "Channel name is empty";
  const byteCount = utf8Length(name);
  if (byteCount > MAX_CHANNEL_BYTES)
    return `Channel name has ${byteCount} bytes, the limit is ${MAX_CHANNEL_BYTES}`;
  if (name.startsWith(RESERVED_PREFIX))
    return `Channel names that start with ${RESERVED_PREFIX} are reserved`;
  // Positions are kept in objects by channel name, where this one key would be lost.
  if (name === "__proto__") return "Channel name __proto__ is reserved";
  if (!CHANNEL_PATTERN.test(name)) return "Channel name contains white space or control characters";
  return undefined;
}

/** The part before the first `:`, which selects the channel's configuration. */
export function namespaceOf(channel: string): string {
  const colon = channel.indexOf(":");
  return colon === -1 ? channel : channel.slice(0, colon);
}

/** The part after the first `:`, empty when there is none. */
export function channelIdOf(channel: string): string {
  const colon = channel.indexOf(":");
  return colon === -1 ? "" : channel.slice(colon + 1);
}

function utf8Length(text: string): number {
  let byteCount = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    byteCount += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return byteCount;
}
