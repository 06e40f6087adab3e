/** A server core on a fake clock and a real memory store. */

import type { Handler } from "../../executions/handler.ts";
import { createMemoryStore } from "../../stores/memory/memory-store.ts";
import type { Store } from "../../stores/store.ts";
import type { Connection } from "../connection/connection.ts";
import { sessionDoor } from "../connection/door-policy.ts";
import { DEFAULT_NAMESPACE, type NamespaceConfig, NamespaceTable } from "../namespace.ts";
import { silentObserver } from "../observer.ts";
import type { Clock } from "../ports.ts";
import { type Admitted, SessionServer, type SessionServerLimits } from "../session-server.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./seeded-random.ts";
import { TextTransport } from "./text-transport.ts";

const silentLogger = { debug() {}, info() {}, warn() {}, error() {} };

export const TEST_LIMITS: SessionServerLimits = {
  maxConnections: 1_000,
  maxConnectionsPerClient: 5,
  maxMessagesPerSec: 10_000,
  maxMessageBurst: 10_000,
  maxInvalidMessagesPerMinute: 5,
  maxSubscriptions: 10,
  highWaterBytes: 64 * 1024,
  replayPageBytes: 16 * 1024,
  connectionTimeoutMs: 60_000,
  maxPendingRequests: 64,
  ring: { maxRecords: 64, maxBytes: 64 * 1024 },
  maxHotBytes: 1024 * 1024,
  executions: {
    maxRunning: 100,
    maxPerChannel: 4,
    maxPerSession: 8,
    maxWaitingInputs: 2,
    maxCollectMs: 0,
    maxDurationMs: 600_000,
  },
};

export interface CoreFixtureOptions {
  readonly store?: Store;
  readonly clock?: FakeClock;
  /** The clock as the server sees it. @default clock */
  readonly serverClock?: Clock;
  readonly handlers?: Readonly<Record<string, Handler>>;
  readonly handlersToRestart?: readonly string[];
  readonly limits?: Partial<SessionServerLimits>;
  readonly namespaces?: Readonly<Record<string, NamespaceConfig>>;
  readonly seed?: number;
}

export interface ConnectedClient {
  readonly connection: Connection;
  readonly transport: TextTransport;
  send(message: object): void;
}

export class CoreFixture {
  readonly clock: FakeClock;
  readonly store: Store;
  readonly server: SessionServer;

  constructor(options: CoreFixtureOptions = {}) {
    const random = seededRandom(options.seed ?? 1);
    this.clock = options.clock ?? new FakeClock();
    this.store = options.store ?? createMemoryStore({ random });
    this.server = new SessionServer({
      store: this.store,
      clock: options.serverClock ?? this.clock,
      random,
      logger: silentLogger,
      observer: silentObserver,
      namespaces: new NamespaceTable(options.namespaces ?? {}, DEFAULT_NAMESPACE, 3_600_000),
      handlers: new Map(Object.entries(options.handlers ?? {})),
      handlersToRestart: new Set(options.handlersToRestart),
      checkToken: async () => ({}),
      heartbeat: { pingIntervalMs: 30_000, pongTimeoutMs: 10_000 },
      limits: { ...TEST_LIMITS, ...options.limits },
      sessionTtlMs: 3_600_000,
      presenceLeaveAfterMs: 5_000,
      leaseTtlMs: 15_000,
      flushWindowMs: () => 0,
      serverVersion: "test",
    });
  }

  /** @param early sent before the server can have said anything */
  async connect(clientId: string, sessionId?: string, early?: object): Promise<ConnectedClient> {
    await this.server.open();
    return this.connectAdmitted(await this.server.admit({ credential: {}, clientId, sessionId }), early);
  }

  async connectAdmitted(admitted: Admitted, early?: object): Promise<ConnectedClient> {
    const transport = new TextTransport();
    const connection = this.server.connect(admitted, {
      transport,
      door: sessionDoor,
      peer: { userAgent: undefined, address: undefined },
      arePositionsFromClient: false,
    });
    if (early !== undefined) connection.onText(JSON.stringify(early));
    await this.clock.settle();
    return { connection, transport, send: (message) => connection.onText(JSON.stringify(message)) };
  }

  async publish(channel: string, data: unknown): Promise<string> {
    const position = await this.server.publish({ tenant: "default", channel, data });
    await this.clock.settle();
    return position;
  }
}
