import { z } from "zod";
import { channelNameFault } from "../channel-name.ts";
import { MAX_HANDLER_CHARS, MAX_ID_CHARS } from "../limits.ts";
import { MAX_POSITION_CHARS } from "../position.ts";

/** A client-made request id. The same id again is the same command. */
export const requestId = z.string().min(1).max(MAX_ID_CHARS);

/** A channel that clients may name. */
export const channelName = z.string().superRefine((name, context) => {
  const fault = channelNameFault(name);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

/** A channel in something the server says, or one to resume: the server's own inboxes included. */
export const anyChannelName = z.string().min(1);

export const positionText = z.string().min(1).max(MAX_POSITION_CHARS);

export const handlerName = z.string().min(1).max(MAX_HANDLER_CHARS);

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
