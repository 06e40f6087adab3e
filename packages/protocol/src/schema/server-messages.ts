/** What the server sends. The field names here are TypeScript's; the codec gives the wire its snake_case. */
import { z } from "zod";
import { chunkSchema } from "./chunk.ts";
import { anyChannelName, errorBody, json, positionText, requestId, usage } from "./common.ts";

const ref = requestId.optional();

export const resetReason = z.enum([
  /** Records after the position are no longer retained. */
  "trimmed",
  /** The log has another identity than the position says. */
  "epoch_changed",
  /** The record at the position is not the one that was read: the log lost its tail and grew another. */
  "tag_mismatch",
  /** The position lies beyond the head of the log. */
  "ahead_of_log",
  /** The text is not a position of this server. */
  "invalid_position",
]);

/** Why continuity cannot be proven. */
export type ResetReason = z.infer<typeof resetReason>;

/** Why a session could not be resumed. `replaced` closes the older of two connections. */
export const freshReason = z.enum(["unknown_session", "expired_session", "foreign_session"]);
export type FreshReason = z.infer<typeof freshReason>;

export const restoredSubscription = z.object({
  channel: anyChannelName,
  /** Where delivery continues; absent when the subscription was not restored. */
  position: positionText.optional(),
  recovered: z.boolean(),
  reason: z.union([resetReason, z.literal("forbidden")]).optional(),
});
export type RestoredSubscription = z.infer<typeof restoredSubscription>;

export const welcome = z.object({
  type: z.literal("welcome"),
  connectionId: z.string(),
  sessionId: z.string(),
  clientId: z.string(),
  serverVersion: z.string(),
  /** True only when the session of the query is the one that goes on. */
  resumed: z.boolean(),
  /** Why a session that was asked for is not resumed. */
  reason: freshReason.optional(),
  subscriptions: z.array(restoredSubscription),
});

export const pong = z.object({ type: z.literal("pong"), ref });

export const subscribed = z.object({
  type: z.literal("subscribed"),
  ref,
  channel: anyChannelName,
  position: positionText,
  /** False when a position was given and continuity from it cannot be proven: a `reset` follows. */
  recovered: z.boolean(),
  reason: resetReason.optional(),
  initialState: json.optional(),
});

export const unsubscribed = z.object({ type: z.literal("unsubscribed"), ref, channel: anyChannelName });

export const receiptStatus = z.enum(["accepted", "applied", "rejected", "superseded"]);
/** `accepted` is stored and under way; the other three are final. */
export type ReceiptStatus = z.infer<typeof receiptStatus>;

export const receipt = z.object({
  type: z.literal("receipt"),
  ref: requestId,
  status: receiptStatus,
  position: positionText.optional(),
  executionId: z.string().optional(),
  channel: anyChannelName.optional(),
  error: errorBody.optional(),
});

export const message = z.object({
  type: z.literal("message"),
  channel: anyChannelName,
  position: positionText,
  data: json,
  sender: z.string().optional(),
});

export const chunk = z.object({
  type: z.literal("chunk"),
  channel: anyChannelName,
  /** Of the last record covered. */
  position: positionText,
  /** Records covered; absent means 1. */
  n: z.int().positive().optional(),
  executionId: z.string(),
  chunk: chunkSchema,
});

/** The position moves over `n` records that are not for this subscriber. */
export const skip = z.object({
  type: z.literal("skip"),
  channel: anyChannelName,
  position: positionText,
  n: z.int().positive().optional(),
});

const executionRecord = {
  channel: anyChannelName,
  position: positionText,
  executionId: z.string(),
};

export const executionStarted = z.object({
  type: z.literal("execution_started"),
  ...executionRecord,
  handler: z.string(),
  sender: z.string().optional(),
});

/** All content of this execution so far is void: its owner was lost, and another one runs it from its beginning. */
export const executionRestarted = z.object({
  type: z.literal("execution_restarted"),
  ...executionRecord,
  /** Of what follows. The first attempt is the one that `execution_started` began. */
  attempt: z.int().min(2),
});

const executionEnd = { ...executionRecord, usage };

export const executionCompleted = z.object({ type: z.literal("execution_completed"), ...executionEnd });
export const executionFailed = z.object({
  type: z.literal("execution_failed"),
  ...executionEnd,
  error: errorBody,
});
export const executionCancelled = z.object({
  type: z.literal("execution_cancelled"),
  ...executionEnd,
  reason: z.enum(["requested", "unwatched"]),
  sender: z.string().optional(),
});
export const executionInterrupted = z.object({
  type: z.literal("execution_interrupted"),
  ...executionEnd,
  reason: z.enum(["server_stopped", "owner_lost"]),
});

export const reset = z.object({
  type: z.literal("reset"),
  channel: anyChannelName,
  reason: resetReason,
  position: positionText,
});

export const reconnect = z.object({
  type: z.literal("reconnect"),
  inMs: z.int().nonnegative(),
  reason: z.string(),
});

export const error = z.object({
  type: z.literal("error"),
  ref,
  code: z.string(),
  message: z.string(),
});

export const signal = z.object({
  type: z.literal("signal"),
  channel: anyChannelName,
  data: json,
  sender: z.string().optional(),
});

export const presenceMember = z.object({ clientId: z.string(), state: json });
export type PresenceMember = z.infer<typeof presenceMember>;

export const presence = z.object({
  type: z.literal("presence"),
  channel: anyChannelName,
  /** `members` is the whole list, sent on subscribing; the others name who changed. */
  event: z.enum(["members", "join", "update", "leave"]),
  members: z.array(presenceMember),
});

export const authenticated = z.object({ type: z.literal("authenticated"), ref });

export const custom = z.object({
  type: z.literal("custom"),
  ref,
  action: z.string(),
  payload: json.optional(),
});

export const serverMessage = z.discriminatedUnion("type", [
  welcome,
  pong,
  subscribed,
  unsubscribed,
  receipt,
  message,
  chunk,
  skip,
  executionStarted,
  executionRestarted,
  executionCompleted,
  executionFailed,
  executionCancelled,
  executionInterrupted,
  reset,
  reconnect,
  error,
  signal,
  presence,
  authenticated,
  custom,
]);

export type ServerMessage = z.infer<typeof serverMessage>;
export type ServerMessageType = ServerMessage["type"];
export type ServerMessageOf<Type extends ServerMessageType> = Extract<ServerMessage, { type: Type }>;
