/** The one server of a world: its lives and what is between them. */
import { sessionDoor } from "../../packages/server/src/core/connection/door-policy.ts";
import type { NamespaceTable } from "../../packages/server/src/core/namespace.ts";
import { silentObserver } from "../../packages/server/src/core/observer.ts";
import type { Clock, Logger, Random } from "../../packages/server/src/core/ports.ts";
import { SessionServer, type SessionServerOptions } from "../../packages/server/src/core/session-server.ts";
import type { Store } from "../../packages/server/src/stores/store.ts";
import type { Link } from "../network/link.ts";
import type { Recorder } from "../recorder.ts";
import { SimStore } from "../store/sim-store.ts";
import { LifeClock } from "./life-clock.ts";
import { createModel } from "./model.ts";

/** Where a test puts a fault into the server: around its store, or around the whole. */
export interface ServerVariant {
  wrapStore?(store: Store): Store;
  wrapOptions?(options: SessionServerOptions): SessionServerOptions;
}

export interface HostOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly namespaces: NamespaceTable;
  readonly variant: ServerVariant;
}

export const HIGH_WATER_BYTES = 2_048;
export const SESSION_TTL_MS = 15 * 60_000;
export const LEASE_TTL_MS = 15_000;

interface Life {
  readonly number: number;
  readonly clock: LifeClock;
  readonly simStore: SimStore;
  readonly server: SessionServer;
  readonly links: Set<Link>;
  isOpen: boolean;
}

export class ServerHost {
  readonly #options: HostOptions;
  #life: Life | undefined;
  #lifeCount = 0;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  get lifeNumber(): number {
    return this.#lifeCount;
  }

  get simStore(): SimStore | undefined {
    return this.#life?.simStore;
  }

  get runningCount(): number {
    return this.#life?.server.executions.runningCount ?? 0;
  }

  start(): void {
    const { recorder, variant } = this.#options;
    this.#lifeCount += 1;
    const clock = new LifeClock(this.#options.clock);
    const simStore = new SimStore(this.#options.store, () => clock.monotonicMs());
    const store = variant.wrapStore?.(simStore.store) ?? simStore.store;
    const options = this.#serverOptions(clock, store);
    const server = new SessionServer(variant.wrapOptions?.(options) ?? options);
    const life: Life = { number: this.#lifeCount, clock, simStore, server, links: new Set(), isOpen: false };
    this.#life = life;
    recorder.note(`server life ${life.number}`);
    server.open().then(
      () => {
        life.isOpen = true;
      },
      (cause: unknown) => {
        // As the process would: it ends, and whoever watches over it starts it again.
        recorder.note(`server life ${life.number} could not open: ${String(cause)}`);
        if (this.#life === life) this.crash();
      },
    );
  }

  crash(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.clock.die();
    life.simStore.cut();
    for (const link of life.links) link.dropServer();
  }

  accept(link: Link): void {
    const life = this.#life;
    if (life === undefined || !life.isOpen) return link.dropServer();
    life.links.add(link);
    const { searchParams } = link.url;
    life.server
      .admit({
        credential: {},
        clientId: searchParams.get("client_id") ?? undefined,
        sessionId: searchParams.get("session_id") ?? undefined,
      })
      .then(
        (admitted) => {
          if (life.clock.isDead) return;
          // The socket may be gone by now.
          if (link.isServerGone || link.client === undefined) {
            admitted.reservation.release();
            return link.dropServer();
          }
          link.server = life.server.connect(admitted, {
            transport: link,
            door: sessionDoor,
            peer: { userAgent: undefined, address: undefined },
            arePositionsFromClient: searchParams.get("positions") === "client",
          });
        },
        (cause: unknown) => {
          this.#options.recorder.note(`refused ${link.id} ${String(cause)}`);
          link.dropServer();
        },
      );
  }

  #serverOptions(clock: LifeClock, store: Store): SessionServerOptions {
    const { random, recorder, namespaces } = this.#options;
    return {
      store,
      clock,
      random,
      logger: loggerInto(recorder),
      observer: silentObserver,
      namespaces,
      handlers: new Map([["model", createModel(clock, recorder) as never]]),
      checkToken: async () => ({}),
      heartbeat: { pingIntervalMs: 5_000, pongTimeoutMs: 4_000 },
      limits: {
        maxConnections: 100,
        maxConnectionsPerClient: 5,
        maxMessagesPerSec: 1_000,
        maxMessageBurst: 1_000,
        maxInvalidMessagesPerMinute: 10,
        maxSubscriptions: 50,
        highWaterBytes: HIGH_WATER_BYTES,
        maxPendingRequests: 8,
        connectionTimeoutMs: 20_000,
        replayPageBytes: 512,
        ring: { maxRecords: 16, maxBytes: 4_096 },
        maxHotBytes: 8_192,
        executions: {
          maxRunning: 20,
          maxPerChannel: 4,
          maxPerSession: 6,
          maxWaitingInputs: 3,
          maxDurationMs: 20_000,
        },
      },
      sessionTtlMs: SESSION_TTL_MS,
      presenceLeaveAfterMs: 1_000,
      leaseTtlMs: LEASE_TTL_MS,
      flushWindowMs: () => 0,
      serverVersion: "0.0.0",
    };
  }
}

/** An error that the server does not expect is a finding, whoever else notices. */
function loggerInto(recorder: Recorder): Logger {
  const write = (level: string) => (fields: object, message: string) => {
    const cause = "err" in fields ? ` ${String(fields.err)}` : "";
    recorder.note(`log ${level} ${message}${cause}`);
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: (fields, message) => {
      write("error")(fields, message);
      const isStoreFault = "err" in fields && String(fields.err).includes("STORE_UNAVAILABLE");
      const cause = "err" in fields ? fields.err : undefined;
      const code = (cause as { code?: unknown } | undefined)?.code;
      if (!isStoreFault && code !== "STORE_UNAVAILABLE" && code !== "FENCED")
        recorder.find("server-error", `${message}: ${cause instanceof Error ? cause.stack : String(cause)}`);
    },
  };
}
