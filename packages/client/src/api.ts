/** What an application sees of the client. The classes behind these interfaces are internal. */

import type {
  Chunk,
  FreshReason,
  OnUnwatched,
  PresenceMember,
  ResetReason,
  Usage,
} from "@tachikoma/protocol";
import type { ClientError } from "./client-error.ts";

/** Where the client stands with its server. */
export type ConnectionStatus =
  /** `attempt` counts from 1 and starts again when a connection has held for a while. */
  | { readonly state: "connecting"; readonly attempt: number }
  | { readonly state: "online" }
  /** `attempt` is the next one. It starts at `untilMs` (milliseconds since 1970), or earlier when the network comes back. */
  | { readonly state: "waiting"; readonly attempt: number; readonly untilMs: number }
  /** The application called `disconnect()`. */
  | { readonly state: "offline" }
  /** Final: the application called `close()`, or the server said that coming back will not help. */
  | { readonly state: "closed"; readonly code: number; readonly reason: string };

export interface SessionInfo {
  readonly sessionId: string;
  readonly clientId: string;
  readonly connectionId: string;
}

/** Sent each time the server has welcomed this client. */
export interface SessionEvent extends SessionInfo {
  /** True when the session of before goes on: nothing that was sent to this client is missing. */
  readonly resumed: boolean;
  /** Why the session that was asked for could not be resumed. */
  readonly reason?: FreshReason;
  /** True when there was a session before and what was sent to it while away is lost. Channels are not concerned. */
  readonly inboxesRestarted: boolean;
}

/** Something that the application's server sent to this session, to this client or to everyone. */
export interface InboxMessage {
  readonly inbox: "session" | "client" | "all";
  readonly position: string;
  readonly data: unknown;
  readonly sender?: string;
}

export interface InboxReset {
  readonly inbox: "session" | "client" | "all";
  readonly reason: ResetReason;
}

export interface ReconnectNotice {
  readonly inMs: number;
  readonly reason: string;
}

export interface ClientEvents {
  status: ConnectionStatus;
  session: SessionEvent;
  message: InboxMessage;
  /** Messages of an inbox are missing. */
  reset: InboxReset;
  /** The server is draining; the client moves to another connection by itself. */
  reconnect: ReconnectNotice;
  /** What belongs to no request: an error of the connection, a token or a storage that failed, a listener that threw. */
  error: Error;
}

/** Ends what it came from: a listener. */
export type Unsubscribe = () => void;

export interface TachikomaClient {
  readonly status: ConnectionStatus;
  /** The session as of the last welcome. */
  readonly session: SessionInfo | undefined;
  on<Name extends keyof ClientEvents>(
    event: Name,
    listener: (value: ClientEvents[Name]) => void,
  ): Unsubscribe;
  /** Goes online again after `disconnect()`, or tries at once instead of waiting. */
  connect(): void;
  /** Goes offline and keeps the session, the subscriptions and what is queued. */
  disconnect(): void;
  /** Final: ends every subscription and rejects what is not settled. */
  close(): void;
  /** Cuts the connection without a word, as a dead network would. For tests and demonstrations. */
  dropConnection(): void;
  channel(name: string): Channel;
  /** Runs a handler on a private channel of its own. */
  execute(handler: string, input: unknown, options?: ExecuteOptions): Execution;
  /** Attaches to an execution that was started before, elsewhere or by someone else. */
  execution(executionId: string, options?: AttachOptions): Execution;
  /**
   * Asks the application's server for something of its own (`custom`). Sent once: when the connection is lost before the
   * answer, the promise rejects with CONNECTION_CLOSED.
   */
  request(action: string, payload?: unknown): Promise<unknown>;
}

export interface Channel {
  readonly name: string;
  /** Follows the channel. Several subscriptions of one channel share one subscription on the wire. */
  subscribe(options?: SubscribeOptions): Subscription;
  /** Resolves when the record is stored. Queued while offline; sent again until its receipt is there. */
  publish(data: unknown): Promise<Published>;
  /** Sends something ephemeral. False when it was dropped because the client is not online. */
  signal(data: unknown): boolean;
  /** Says what the other members see of this client; said again after every reconnect. */
  presence(state: unknown): void;
  /** Runs a handler whose records go to this channel. */
  execute(handler: string, input: unknown, options?: ExecuteOptions): Execution;
  /** Ends every subscription of this channel in this client. */
  unsubscribe(): void;
}

export interface Published {
  readonly position: string;
}

export interface SubscribeOptions {
  /** Where to begin when there is no `position`. @default "head" */
  readonly since?: "start" | "head";
  /** Continue after this position. Wins over `since`. */
  readonly position?: string;
  /**
   * Deliveries that are held for a loop that does not take them. At the bound the subscription stops taking, and reads on
   * from the same place when the loop has caught up: nothing is lost and nothing piles up. @default 256
   */
  readonly maxBufferedDeliveries?: number;
}

interface Placed {
  readonly channel: string;
  /** Of the last record of this delivery. Store it to continue here later. */
  readonly position: string;
}

export interface MessageDelivery extends Placed {
  readonly type: "message";
  readonly data: unknown;
  readonly sender?: string;
}

export interface ChunkDelivery extends Placed {
  readonly type: "chunk";
  readonly executionId: string;
  readonly chunk: Chunk;
}

export interface StartedDelivery extends Placed {
  readonly type: "started";
  readonly executionId: string;
  readonly handler: string;
  readonly sender?: string;
}

/**
 * The server that ran an execution was lost, and another one runs it from its beginning: discard all content of the execution so
 * far. Only of handlers that ask for it (`onOwnerLost`).
 */
export interface RestartedDelivery extends Placed {
  readonly type: "restarted";
  readonly executionId: string;
  /** Of what follows: 2. */
  readonly attempt: number;
}

/** The terminal record of an execution. */
export interface ExecutionEnd extends Placed {
  readonly type: "ended";
  readonly executionId: string;
  readonly outcome: "completed" | "failed" | "cancelled" | "interrupted";
  readonly usage: Usage;
  /** Of a failed execution. */
  readonly error?: { readonly code: string; readonly message: string };
  /** Of a cancelled or interrupted execution. */
  readonly reason?: "requested" | "unwatched" | "server_stopped" | "owner_lost";
  /** Who cancelled. */
  readonly sender?: string;
}

/** Continuity is lost: discard what was built from this channel and build again from what follows. */
export interface ResetDelivery extends Placed {
  readonly type: "reset";
  readonly reason: ResetReason;
}

/** What a channel delivers, in order and each record once. */
export type Delivery =
  | MessageDelivery
  | ChunkDelivery
  | StartedDelivery
  | RestartedDelivery
  | ExecutionEnd
  | ResetDelivery;

export interface SubscribedEvent {
  readonly position: string;
  /** False when continuity cannot be proven: a `reset` follows. */
  readonly recovered: boolean;
  /** What the application's server attached, if anything. */
  readonly initialState?: unknown;
}

export interface SignalEvent {
  readonly data: unknown;
  readonly sender?: string;
}

export interface PresenceEvent {
  /** `members` is the whole list; the others name who changed. */
  readonly event: "members" | "join" | "update" | "leave";
  readonly members: readonly PresenceMember[];
}

export interface SubscriptionEvents {
  message: MessageDelivery;
  chunk: ChunkDelivery;
  started: StartedDelivery;
  restarted: RestartedDelivery;
  ended: ExecutionEnd;
  reset: ResetDelivery;
  /** Each of the six above, in one stream. */
  delivery: Delivery;
  subscribed: SubscribedEvent;
  presence: PresenceEvent;
  signal: SignalEvent;
  /** The subscription has ended; `error` says why when it was not the application. */
  closed: { readonly error?: ClientError };
}

/**
 * A place in a channel that moves forward. Take what it delivers with listeners or with `for await`; until one of them is
 * there, deliveries are held. Leaving the loop unsubscribes.
 */
export interface Subscription extends AsyncIterable<Delivery> {
  readonly channel: string;
  /** Of the last delivery that was handed out, in wire form. */
  readonly position: string | undefined;
  /** Resolves when the server has confirmed the subscription for the first time; rejects when it refuses. */
  readonly ready: Promise<SubscribedEvent>;
  on<Name extends keyof SubscriptionEvents>(
    event: Name,
    listener: (value: SubscriptionEvents[Name]) => void,
  ): Unsubscribe;
  unsubscribe(): void;
}

export interface ExecuteOptions {
  /** What happens when nobody watches any more: keep running, cancel at once, or cancel after some seconds. */
  readonly onUnwatched?: OnUnwatched;
}

export interface AttachOptions {
  /** Channel that holds the execution's records. @default `execution:ID` */
  readonly channel?: string;
  /** @default "start" */
  readonly since?: "start" | "head";
  /** Continue after this position. Wins over `since`. */
  readonly position?: string;
}

/** How a command ended. `superseded`: it came too late to have an effect. */
export interface CommandResult {
  readonly status: "applied" | "rejected" | "superseded";
  /** Of a rejected command. */
  readonly error?: ClientError;
}

export interface CommandOptions {
  /** Called once when the command is stored and under way; the promise settles when it has taken effect. */
  readonly onAccepted?: () => void;
}

export type ExecutionStatus = "starting" | "running" | ExecutionEnd["outcome"];

export interface ExecutionEvents {
  started: StartedDelivery;
  chunk: Chunk;
  /** What was folded so far is void; `chunks`, `text` and new loops hold the new attempt alone. */
  restarted: RestartedDelivery;
  ended: ExecutionEnd;
  /** What was folded so far is discarded; `chunks` starts again from what follows. */
  reset: ResetDelivery;
  error: ClientError;
}

/**
 * One run of a handler. Iterate over it for its chunks: each loop gets all of them, from the first. A loop cannot take back what it
 * has handed out: when that turns out to be void it throws, EXECUTION_RESTARTED after a `restarted` and INVALID_POSITION after a
 * `reset`, and a new loop gets what holds.
 */
export interface Execution extends AsyncIterable<Chunk> {
  /** Known when the server has accepted the execution; rejects when it refuses. */
  readonly id: Promise<string>;
  /** Known with `id`. */
  readonly channel: Promise<string>;
  readonly status: ExecutionStatus;
  /** The chunks so far, adjacent deltas joined. `messageOf` (of `@tachikoma/client/message`) folds them. */
  readonly chunks: readonly Chunk[];
  /** The whole text, when the execution has ended (however it has). */
  readonly text: Promise<string>;
  /** The terminal record. Rejects only when it cannot be known: refused, forbidden, closed. */
  readonly ended: Promise<ExecutionEnd>;
  /** Of the terminal record. */
  readonly usage: Usage | undefined;
  on<Name extends keyof ExecutionEvents>(
    event: Name,
    listener: (value: ExecutionEvents[Name]) => void,
  ): Unsubscribe;
  /** Stops the work, from any device. Resolves when it has stopped, or when it is clear that it cannot be. */
  cancel(options?: CommandOptions): Promise<CommandResult>;
  /** Steers, answers or approves: the handler reads it from its `inputs`. */
  input(data: unknown, options?: CommandOptions): Promise<CommandResult>;
  /** Stops watching. The execution goes on (see `onUnwatched`). */
  detach(): void;
}
