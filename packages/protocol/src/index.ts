export * from "./channel-name.ts";
export * from "./chunk.ts";
export * from "./chunk-fold.ts";
export * from "./chunk-merge.ts";
export * from "./codec.ts";
export * from "./errors.ts";
export * from "./limits.ts";
export * from "./position.ts";
export type {
  ClientMessage,
  ClientMessageOf,
  ClientMessageType,
  OnUnwatched,
} from "./schema/client-messages.ts";
export type { Usage } from "./schema/common.ts";
export type {
  FreshReason,
  PresenceMember,
  ReceiptStatus,
  ResetReason,
  RestoredSubscription,
  ServerMessage,
  ServerMessageOf,
  ServerMessageType,
} from "./schema/server-messages.ts";
export * from "./version.ts";
