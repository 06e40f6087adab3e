export * from "./answer-stream.ts";
export * from "./channel-name.ts";
export * from "./chunk.ts";
export * from "./chunk-fold.ts";
export * from "./chunk-guard.ts";
export * from "./chunk-json.ts";
export * from "./chunk-merge.ts";
export * from "./codec.ts";
export * from "./earlier-turn.ts";
export * from "./errors.ts";
export * from "./errors-table.ts";
export * from "./limits.ts";
export * from "./message.ts";
export * from "./nesting.ts";
export * from "./partial-json.ts";
export * from "./position.ts";
export * from "./record-frame.ts";
export * from "./record-merge.ts";
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
export { partialInputOf } from "./tool-call-fold.ts";
export * from "./version.ts";
export { fromWireNames, toWireNames } from "./wire-names.ts";
