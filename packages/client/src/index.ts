export type {
  Chunk,
  FoldedMessage,
  OnUnwatched,
  PresenceMember,
  ResetReason,
  Usage,
} from "@tachikoma/protocol";
export type * from "./api.ts";
export { connect } from "./client.ts";
export { ClientError } from "./client-error.ts";
export type {
  BackOffOptions,
  ConnectOptions,
  HeartbeatOptions,
  SessionStorage,
  TransportName,
} from "./options.ts";
export type {
  Clock,
  Environment,
  EnvironmentEvent,
  Ports,
  Random,
  Timer,
  WebSocketConstructor,
  WebSocketLike,
} from "./ports.ts";
