import type { NamespaceTable } from "../../packages/server/src/core/namespace.ts";
import { silentObserver } from "../../packages/server/src/core/observer.ts";
import type { Clock, Logger, Random } from "../../packages/server/src/core/ports.ts";
import type { SessionServerOptions } from "../../packages/server/src/core/session-server.ts";
import type { Store } from "../../packages/server/src/stores/store.ts";
import { createModel } from "../actors/model.ts";
import type { Recorder } from "../recorder.ts";

export const MAX_CONNECTIONS_PER_CLIENT = 3;
export const HIGH_WATER_BYTES = 2_048;
export const SESSION_TTL_MS = 15 * 60_000;
/** Shorter than usual, so that a takeover fits into a run; all that waits for it in proportion. */
export const LEASE_TTL_MS = 9_000;

export interface NodeParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Store;
  readonly recorder: Recorder;
  readonly namespaces: NamespaceTable;
  readonly areExecutionsRestarted: boolean;
}

/** Limits so small that runs of a few hundred events reach them. */
export function serverOptions({
  clock,
  random,
  store,
  recorder,
  namespaces,
  areExecutionsRestarted,
}: NodeParts): SessionServerOptions {
  return {
    store,
    clock,
    random,
    logger: loggerInto(recorder),
    observer: silentObserver,
    namespaces,
    handlers: new Map([["model", createModel(clock, recorder) as never]]),
    handlersToRestart: new Set(areExecutionsRestarted ? ["model"] : []),
    checkToken: async () => ({}),
    heartbeat: { pingIntervalMs: 4_000, pongTimeoutMs: 3_000 },
    limits: {
      maxConnections: 100,
      maxConnectionsPerClient: MAX_CONNECTIONS_PER_CLIENT,
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
        maxCollectMs: 60,
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
