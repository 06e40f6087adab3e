import type { Authorize } from "../authorize.ts";
import type { DeliveryLoop } from "../delivery/delivery-loop.ts";
import type { ExecutionService } from "../execution/execution-service.ts";
import type { Identity } from "../identity.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { NamespaceTable } from "../namespace.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger, Random } from "../ports.ts";
import type { PresenceTable } from "../presence/presence-table.ts";
import type { SessionRegistry } from "../session/session-registry.ts";
import type { Signals } from "../signals.ts";
import type { ConnectionRegistry } from "./connection-registry.ts";
import type { HeartbeatTiming } from "./heartbeat.ts";
import type { InboundLimits } from "./inbound-budget.ts";

/** What the application answers to a `custom` message: the payload of the answer. */
export type CustomHandler = (request: {
  readonly identity: Identity;
  readonly action: string;
  readonly payload: unknown;
}) => unknown;

export interface ConnectionLimits extends InboundLimits {
  readonly maxSubscriptions: number;
  /** A connection with this many bytes waiting is not given more. */
  readonly highWaterBytes: number;
  /** Requests of one connection that may be under way before the server reads on. */
  readonly maxPendingRequests: number;
  /** How long a connection may take to become usable. */
  readonly connectionTimeoutMs: number;
}

/** The parts of the server that a connection works with. */
export interface ConnectionContext {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly hub: LogHub;
  readonly delivery: DeliveryLoop;
  readonly sessions: SessionRegistry;
  readonly connections: ConnectionRegistry;
  readonly namespaces: NamespaceTable;
  readonly presence: PresenceTable;
  readonly signals: Signals;
  readonly executions: ExecutionService;
  readonly authorize: Authorize;
  /** Checks a fresh credential for the same subject; `undefined` refuses it. */
  readonly reauthenticate: (token: string, identity: Identity) => Promise<Identity | undefined>;
  readonly onCustom: CustomHandler | undefined;
  readonly heartbeat: HeartbeatTiming;
  readonly limits: ConnectionLimits;
  readonly serverVersion: string;
  /** True when executions may run, and records be appended, on other nodes. */
  readonly isStoreShared: boolean;
}
