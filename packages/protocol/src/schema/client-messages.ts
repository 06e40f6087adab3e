/** What clients send. The field names here are TypeScript's; the codec gives the wire its snake_case. */
import { z } from "zod";
import { MAX_ACK_POSITIONS, MAX_CANCEL_AFTER_SECS, MAX_ID_CHARS, MAX_TOKEN_CHARS } from "../limits.ts";
import { channelName, followedChannelName, handlerName, json, positionText, requestId } from "./common.ts";

const id = requestId.optional();

export const onUnwatched = z.union([
  z.literal("keep"),
  z.literal("cancel"),
  z.object({ cancelAfter: z.number().positive().max(MAX_CANCEL_AFTER_SECS) }),
]);

/** What happens to an execution that nobody watches: nothing, cancel at once, or cancel after some seconds. */
export type OnUnwatched = z.infer<typeof onUnwatched>;

export const ping = z.object({ type: z.literal("ping"), id });

export const subscribe = z.object({
  type: z.literal("subscribe"),
  id,
  channel: followedChannelName,
  /** Resume after this position. Wins over `since`. */
  position: positionText.optional(),
  since: z.enum(["start", "head"]).optional(),
});

export const unsubscribe = z.object({ type: z.literal("unsubscribe"), id, channel: channelName });

export const publish = z.object({
  type: z.literal("publish"),
  id: requestId,
  channel: channelName,
  data: json,
});

export const signal = z.object({ type: z.literal("signal"), channel: channelName, data: json });

export const execute = z.object({
  type: z.literal("execute"),
  id: requestId,
  handler: handlerName,
  /** Where the records go; without one, a private channel `execution:ID` is made. */
  channel: channelName.optional(),
  input: json,
  onUnwatched: onUnwatched.optional(),
});

export const cancel = z.object({
  type: z.literal("cancel"),
  id: requestId,
  executionId: requestId,
  data: json.optional(),
});

export const input = z.object({
  type: z.literal("input"),
  id: requestId,
  executionId: requestId,
  data: json,
});

export const presence = z.object({ type: z.literal("presence"), id, channel: channelName, state: json });

export const ack = z.object({
  type: z.literal("ack"),
  positions: z
    .record(followedChannelName, positionText)
    .refine((positions) => Object.keys(positions).length <= MAX_ACK_POSITIONS, {
      message: `More than ${MAX_ACK_POSITIONS} positions in one ack`,
    }),
});

export const auth = z.object({ type: z.literal("auth"), id, token: z.string().min(1).max(MAX_TOKEN_CHARS) });

export const custom = z.object({
  type: z.literal("custom"),
  id,
  action: z.string().min(1).max(MAX_ID_CHARS),
  payload: json.optional(),
});

export const clientMessage = z.discriminatedUnion("type", [
  ping,
  subscribe,
  unsubscribe,
  publish,
  signal,
  execute,
  cancel,
  input,
  presence,
  ack,
  auth,
  custom,
]);

export type ClientMessage = z.infer<typeof clientMessage>;
export type ClientMessageType = ClientMessage["type"];
export type ClientMessageOf<Type extends ClientMessageType> = Extract<ClientMessage, { type: Type }>;
