export { type ErrorCode, TachikomaError } from "@tachikoma/protocol";
export type {
  BroadcastOptions,
  ClientScope,
  ConnectionInfo,
  Connections,
} from "./connections-api.ts";
export type { CustomHandler } from "./core/connection/context.ts";
export type { Credential } from "./core/credential.ts";
export type { Grant, Identity, Verb } from "./core/identity.ts";
export type { PermissionHook, PermissionRequest } from "./core/namespace.ts";
export type { Clock, Logger, Random } from "./core/ports.ts";
export {
  type CloseOptions,
  createServer,
  type ListenOptions,
  type ServerAddress,
  type TachikomaServer,
} from "./create-server.ts";
export { type AnthropicOptions, anthropic } from "./executions/backends/anthropic.ts";
export { type CommandOptions, command } from "./executions/backends/command.ts";
export { type DemoOptions, demo } from "./executions/backends/demo.ts";
export { type OpenAiCompatibleOptions, openAiCompatible } from "./executions/backends/openai-compatible.ts";
export type { ExecutionContext, Handler, HandlerOutput, HandlerStream } from "./executions/handler.ts";
export type { AuthCallback, AuthRequest } from "./gateway/door.ts";
export { type CreateLoggerOptions, createLogger } from "./platform/logger.ts";
export type { ChannelOptions, ExecutionOption, HandlerEntry, ServerOptions } from "./server-options.ts";
export { createMemoryStore } from "./stores/memory/memory-store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./stores/sqlite/sqlite-store.ts";
export type * from "./stores/store.ts";
