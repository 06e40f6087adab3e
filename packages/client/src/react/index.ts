"use client";
export type { ChannelEntry, ExecutionEntry, MessageEntry } from "./channel-entries.ts";
export type { ChannelOptions, ChannelSnapshot } from "./channel-view.ts";
export type { ExecutionSnapshot } from "./execution-view.ts";
export type { PresenceSnapshot } from "./presence-view.ts";
export { TachikomaProvider, type TachikomaProviderProps, useTachikoma } from "./tachikoma-provider.ts";
export { type UsedChannel, useChannel } from "./use-channel.ts";
export { useConnection } from "./use-connection.ts";
export {
  type StartOptions,
  type UsedExecution,
  type UseExecutionOptions,
  useExecution,
} from "./use-execution.ts";
export { usePresence } from "./use-presence.ts";
