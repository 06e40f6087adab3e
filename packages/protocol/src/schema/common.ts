import { z } from "zod";
import { channelNameFault, RESERVED_PREFIX } from "../channel-name.ts";
import { MAX_CHANNEL_BYTES, MAX_HANDLER_CHARS, MAX_ID_CHARS } from "../limits.ts";
import { MAX_POSITION_CHARS } from "../position.ts";

/** No control characters, and no half of a surrogate pair: a store could not tell two of those apart. */
const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}]*$/u;
const PLAIN_TEXT_FAULT = "Contains control characters or half a character";

/** A client-made request id. The same id again is the same command. */
export const requestId = z.string().min(1).max(MAX_ID_CHARS).regex(PLAIN_TEXT, PLAIN_TEXT_FAULT);

/** A channel that clients may name. */
export const channelName = z.string().superRefine((name, context) => {
  const fault = channelNameFault(name);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

/** A channel that a client may follow: those it may name, and the server's inboxes, which carry an id in their name. */
export const followedChannelName = z.string().superRefine((name, context) => {
  const fault = name.startsWith(RESERVED_PREFIX) ? inboxNameFault(name) : channelNameFault(name);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

function inboxNameFault(name: string): string | undefined {
  if (name.length > MAX_CHANNEL_BYTES) {
    return `Channel name has ${name.length} characters, the limit is ${MAX_CHANNEL_BYTES}`;
  }
  return PLAIN_TEXT.test(name) ? undefined : PLAIN_TEXT_FAULT;
}

/** A channel in something the server says. */
export const anyChannelName = z.string().min(1);

export const positionText = z.string().min(1).max(MAX_POSITION_CHARS);

export const handlerName = z.string().min(1).max(MAX_HANDLER_CHARS).regex(PLAIN_TEXT, PLAIN_TEXT_FAULT);

/** Anything JSON can carry; the protocol does not look inside. */
export const json = z.unknown();

export const usage = z
  .object({
    inputTokens: z.number().nonnegative().optional(),
    outputTokens: z.number().nonnegative().optional(),
    totalTokens: z.number().nonnegative().optional(),
  })
  .catchall(z.union([z.number(), z.string()]));

/** Tokens that an execution used, as far as its backend told. */
export type Usage = z.infer<typeof usage>;

export const errorBody = z.object({ code: z.string(), message: z.string() });
