/** Puts the parts together: store, core, door, gateways, metrics. No policy of its own. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import { ERRORS, SUBPROTOCOL, TachikomaError } from "@tachikoma/protocol";
import { AI_SDK_SUBPROTOCOL, aiSdkProtocol } from "./adapters/ai-sdk/socket/chat-protocol.ts";
import { DurableStreams } from "./adapters/durable-streams/durable-streams.ts";
import { isLoopbackHost } from "./config/address.ts";
import { DEFAULT_NAMESPACE as DEFAULT_NAME, type Settings } from "./config/settings.ts";
import { Connections } from "./connections-api.ts";
import type { HeartbeatTiming } from "./core/connection/heartbeat.ts";
import type { StopCode } from "./core/drain.ts";
import { flushWindowMs } from "./core/flush-window.ts";
import { DEFAULT_TENANT } from "./core/identity.ts";
import { type NamespaceConfig, NamespaceTable } from "./core/namespace.ts";
import type { Logger } from "./core/ports.ts";
import { SessionServer, type SessionServerLimits } from "./core/session-server.ts";
import { AdmissionGate } from "./gateway/admission-gate.ts";
import { DoorKeeper } from "./gateway/door.ts";
import { Entrance } from "./gateway/entrance.ts";
import { routes } from "./gateway/http/routes.ts";
import { StaticFiles } from "./gateway/http/static-files.ts";
import { StoreHealth } from "./gateway/http/store-health.ts";
import { HttpGateway, type Readiness } from "./gateway/http-gateway.ts";
import { loopbackHostFault } from "./gateway/origin.ts";
import { type Refusal, sendRefusal } from "./gateway/refusal.ts";
import { EventGateway } from "./gateway/sse/event-gateway.ts";
import { sessionProtocols } from "./gateway/websocket/session-protocol.ts";
import type { SocketProtocol } from "./gateway/websocket/socket-protocol.ts";
import { WebSocketGateway } from "./gateway/websocket-gateway.ts";
import { createMetricsObserver } from "./metrics/metrics-observer.ts";
import { createServerMetrics, type ServerMetrics } from "./metrics/server-metrics.ts";
import { openStore } from "./open-store.ts";
import { createLoadProbe } from "./platform/load-probe.ts";
import { systemClock } from "./platform/system-clock.ts";
import { systemRandom } from "./platform/system-random.ts";
import {
  type HandlerEntry,
  handlerEntries,
  type ParsedOptions,
  type ServerOptions,
} from "./server-options.ts";
import type { Store } from "./stores/store.ts";
import { packageVersion } from "./version.ts";

const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

const RING = { maxRecords: 1_024, maxBytes: 256 * 1024 };
const MAX_HOT_BYTES = 64 * 1024 * 1024;
const MAX_PENDING_REQUESTS = 256;
const PRESENCE_LEAVE_AFTER_MS = 5_000;
const MAX_DURATION_MS = 3_600_000;

export class ServerParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock = systemClock;
  readonly connections: Connections;
  readonly http: HttpGateway;
  readonly webSockets: WebSocketGateway;
  readonly events: EventGateway;
  readonly #options: ServerOptions;
  readonly #handlers: ReadonlyMap<string, HandlerEntry>;
  readonly #metrics: ServerMetrics;
  readonly #loadProbe = createLoadProbe();
  readonly #door: DoorKeeper;
  readonly #storeHealth = new StoreHealth({ ping: async () => this.#store?.ping(), clock: systemClock });
  readonly #durableStreams: DurableStreams | undefined;
  readonly #openedAtMs = systemClock.monotonicMs();
  #opening: Promise<SessionServer> | undefined;
  #core: SessionServer | undefined;
  #store: Store | undefined;
  #listenHost: string | undefined;
  #files = new StaticFiles("");

  constructor({ settings, options }: ParsedOptions) {
    this.settings = settings;
    this.#options = options;
    this.#handlers = handlerEntries(options);
    this.logger = options.logger ?? silentLogger;
    this.#metrics = createServerMetrics({ loadProbe: this.#loadProbe });
    this.#door = new DoorKeeper({
      auth: options.auth,
      apiKey: settings.security.apiKey,
      nowMs: () => systemClock.nowMs(),
    });
    this.connections = new Connections(
      () => this.#openCore(),
      () => systemClock.nowMs(),
    );
    const shared = {
      door: this.#door,
      logger: this.logger,
      core: () =>
        this.open().catch((cause: unknown) => {
          // Why it did not open is its owner's business: the reason may name a path.
          throw new TachikomaError("SERVER_NOT_READY", undefined, { cause });
        }),
      allowedOrigins: settings.security.allowedOrigins ?? [],
      requestFault: (request: IncomingMessage) => this.#requestFault(request),
    };
    const admission = new AdmissionGate({
      limits: {
        maxDelayMs: settings.limits.maxEventLoopDelayMs,
        maxUtilization: settings.limits.maxEventLoopUtilization,
        maxHeapShare: settings.limits.maxHeapShare,
        maxHandshakes: settings.limits.maxPendingHandshakes,
      },
      load: () => ({
        ...this.#loadProbe.sustained(),
        handshakeCount:
          this.webSockets.pendingCount + this.events.pendingCount + (this.#core?.startingCount ?? 0),
      }),
      clock: systemClock,
      logger: this.logger,
      onShed: (reason) => this.#metrics.upgradesShed.child(reason).increment(),
    });
    this.#metrics.admissionLevel.readFrom(() => admission.levelNumber());
    const entrance = new Entrance({ ...shared, admission, clock: systemClock });
    const doorway = {
      entrance,
      settings: settings.websocket,
      clock: systemClock,
      random: systemRandom,
      logger: this.logger,
      onRefused: ({ code }: Refusal) => this.#metrics.upgradesRefused.child(code).increment(),
    };
    this.webSockets = new WebSocketGateway({
      ...doorway,
      protocols: [...sessionProtocols, this.#aiSdkProtocol()],
      subprotocols: [SUBPROTOCOL, AI_SDK_SUBPROTOCOL],
    });
    this.events = new EventGateway(doorway);
    this.#durableStreams = createDurableStreams(settings.durableStreams, this.logger);
    this.http = new HttpGateway({
      ...shared,
      clock: systemClock,
      events: this.events,
      readiness: () => this.#readiness(),
      expose: () => this.#expose(),
      stats: (core) => this.#stats(core),
      files: () => this.#files,
      isWebSocketPath: (path) => this.webSockets.servesPath(path),
      maxBodyBytes: settings.websocket.maxMessageSize,
      routes: [...routes, ...(this.#durableStreams?.routes ?? [])],
    });
    if (options.server?.console === true) this.serveConsole();
  }

  /** From `/` on, unless the settings say no: for when nobody else has pages there. */
  serveConsole(): void {
    if (this.settings.server.console) this.#files = new StaticFiles(consoleFolder());
  }

  open(): Promise<SessionServer> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** @throws CONFIG_INVALID when strangers could reach a server that asks nobody who they are */
  checkListeningOn(host: string): void {
    this.#listenHost = host;
    if (this.#door.mode !== "none" || isLoopbackHost(host) || this.settings.server.allowUnauthenticatedRemote)
      return;
    throw new TachikomaError(
      "CONFIG_INVALID",
      `Listening on ${host} without authentication is refused: set security.api_key, or server.allow_unauthenticated_remote`,
    );
  }

  async publish(
    channel: string,
    data: unknown,
    options: { readonly tenant?: string; readonly id?: string; readonly sender?: string },
  ): Promise<string> {
    const core = await this.open();
    const { tenant = DEFAULT_TENANT, id, sender } = options;
    return core.publish({ tenant, channel, data, sender, commandId: id });
  }

  metrics(): string {
    return this.#metrics.expose();
  }

  answerNotFound(response: ServerResponse): void {
    sendRefusal(response, { status: 404, code: "NOT_FOUND", message: ERRORS.NOT_FOUND.message });
  }

  async close(graceMs: number, code: StopCode, closeListener: () => Promise<void>): Promise<void> {
    const core = await this.#opening?.catch(() => undefined);
    this.#durableStreams?.stop();
    await core?.close(graceMs, code);
    this.webSockets.close(code);
    this.events.close();
    await closeListener();
    await this.#store?.close();
    this.#loadProbe.close();
  }

  async #open(): Promise<SessionServer> {
    const { settings } = this;
    const observer = createMetricsObserver(this.#metrics);
    const ports = { random: systemRandom, logger: this.logger, observer };
    const { store } = this.#options;
    if (typeof store === "function") this.#store = await store(ports);
    else this.#store = store ?? (await openStore(settings.database, ports));
    const core = new SessionServer({
      store: this.#store,
      clock: systemClock,
      random: systemRandom,
      logger: this.logger,
      observer,
      namespaces: this.#namespaces(),
      handlers: new Map([...this.#handlers].map(([name, { run }]) => [name, run])),
      handlersToRestart: new Set(
        [...this.#handlers].flatMap(([name, { onOwnerLost }]) => (onOwnerLost === "restart" ? [name] : [])),
      ),
      onCustom: this.#options.onCustom,
      checkToken: (token) => this.#door.check(token),
      heartbeat: heartbeatOf(settings),
      limits: limitsOf(settings, this.#handlers),
      sessionTtlMs: wholeMs(settings.sessions.ttlSecs),
      presenceLeaveAfterMs: PRESENCE_LEAVE_AFTER_MS,
      leaseTtlMs: wholeMs(settings.cluster.leaseTtlSecs),
      flushWindowMs: () => flushWindowMs(this.#loadProbe.utilization(), this.#loadProbe.delayMs()),
      serverVersion: packageVersion(),
    });
    await core.open();
    this.#durableStreams?.start(core, this.#store);
    this.#core = core;
    this.#watch(core);
    return core;
  }

  #aiSdkProtocol(): SocketProtocol {
    const { websocket } = this.settings;
    return aiSdkProtocol({
      clock: systemClock,
      logger: this.logger,
      heartbeat: heartbeatOf(this.settings),
      limits: websocket,
    });
  }

  async #readiness(): Promise<Readiness> {
    if (this.#core === undefined) return "starting";
    if (!this.#core.isReady) return "stopping";
    return (await this.#storeHealth.isServing()) ? "ready" : "store";
  }

  #openCore(): SessionServer {
    if (this.#core !== undefined) return this.#core;
    throw new TachikomaError("SERVER_NOT_READY", "The server is not open yet: wait for ready() or listen()");
  }

  #namespaces(): NamespaceTable {
    const { settings } = this;
    const configs = Object.entries(settings.channels).map(([name, channel]): [string, NamespaceConfig] => [
      name,
      {
        ...hooksOf(this.#options, name),
        retention: {
          maxRecords: channel.history.records,
          maxBytes: channel.history.bytes,
          maxAgeMs: channel.history.ttl * 1_000,
        },
        isPresenceEnabled: channel.presence,
        maxRecordBytes: channel.maxRecordBytes,
      },
    ]);
    const table = Object.fromEntries(configs);
    return new NamespaceTable(table, table[DEFAULT_NAME]!, wholeMs(settings.sessions.ttlSecs));
  }

  #requestFault(request: IncomingMessage): string | undefined {
    const isOpenLoopback =
      this.#door.mode === "none" && this.#listenHost !== undefined && isLoopbackHost(this.#listenHost);
    return isOpenLoopback ? loopbackHostFault(request) : undefined;
  }

  #watch(core: SessionServer): void {
    this.#metrics.connections.readFrom(() => core.connections.count);
    this.#metrics.executionsRunning.readFrom(() => core.executions.runningCount);
    this.#metrics.channelsOpen.readFrom(() => core.hub.openLogCount);
    this.#metrics.hotBytes.readFrom(() => core.hub.hotBytes);
    this.#metrics.cursors.readFrom(() => {
      let cursorCount = 0;
      for (const log of core.hub.logs()) cursorCount += log.cursors.size;
      return cursorCount;
    });
  }

  async #expose(): Promise<string> {
    const own = this.metrics();
    return (await this.#options.exposeMetrics?.(own)) ?? own;
  }

  #stats(core: SessionServer): object {
    return {
      server_version: packageVersion(),
      node_id: core.nodeId,
      uptime_secs: Math.round((systemClock.monotonicMs() - this.#openedAtMs) / 1_000),
      connections: core.connections.count,
      clients: core.connections.clientCount,
      sessions: core.sessionCount,
      channels: core.hub.openLogCount,
      executions_running: core.executions.runningCount,
      store: this.#store?.kind,
      auth: this.#door.mode,
      handlers: [...this.#handlers].map(([name, { backend = "handler", label = name }]) => ({
        name,
        backend,
        label,
      })),
    };
  }
}

function createDurableStreams(
  { enabled, longPollSecs, sseSecs, ...settings }: Settings["durableStreams"],
  logger: Logger,
): DurableStreams | undefined {
  if (!enabled) return undefined;
  return new DurableStreams({
    settings: { ...settings, longPollMs: longPollSecs * 1_000, sseMs: sseSecs * 1_000 },
    clock: systemClock,
    random: systemRandom,
    logger,
  });
}

/** What is stored with a time is stored in whole milliseconds. */
function wholeMs(seconds: number): number {
  return Math.round(seconds * 1_000);
}

function heartbeatOf({ websocket }: Settings): HeartbeatTiming {
  const { pingIntervalSecs, pongTimeoutSecs } = websocket;
  return { pingIntervalMs: pingIntervalSecs * 1_000, pongTimeoutMs: pongTimeoutSecs * 1_000 };
}

function hooksOf(options: ServerOptions, name: string): Partial<NamespaceConfig> {
  const channel = options.channels?.[name];
  if (channel === undefined) return {};
  const { canSubscribe, canPublish, canExecute, initialState } = channel;
  return {
    ...(canSubscribe === undefined ? {} : { canSubscribe }),
    ...(canPublish === undefined ? {} : { canPublish }),
    ...(canExecute === undefined ? {} : { canExecute }),
    ...(initialState === undefined ? {} : { initialState }),
  };
}

function limitsOf(
  { websocket, limits }: Settings,
  handlers: ReadonlyMap<string, HandlerEntry>,
): SessionServerLimits {
  const durations = [...handlers].flatMap(([name, { maxDurationSecs }]): [string, number][] =>
    maxDurationSecs === undefined ? [] : [[name, maxDurationSecs * 1_000]],
  );
  return {
    maxConnections: limits.maxConnections,
    maxConnectionsPerClient: websocket.maxConnectionsPerClient,
    maxMessagesPerSec: websocket.maxMessagesPerSec,
    maxMessageBurst: websocket.maxMessageBurst,
    maxInvalidMessagesPerMinute: websocket.maxInvalidMessagesPerMinute,
    maxSubscriptions: websocket.maxSubscriptions,
    highWaterBytes: websocket.highWaterBytes,
    replayPageBytes: websocket.replayPageBytes,
    connectionTimeoutMs: websocket.connectionTimeoutSecs * 1_000,
    maxPendingRequests: MAX_PENDING_REQUESTS,
    ring: RING,
    maxHotBytes: MAX_HOT_BYTES,
    executions: {
      maxRunning: limits.maxRunningExecutions,
      maxPerChannel: limits.maxExecutionsPerChannel,
      maxPerSession: limits.maxExecutionsPerConnection,
      maxWaitingInputs: limits.maxWaitingInputs,
      maxCollectMs: limits.maxCollectMs,
      maxDurationMs: MAX_DURATION_MS,
      maxDurationMsByHandler: new Map(durations),
    },
  };
}

/** Built files of the console: beside the package's own code when published, in the workspace otherwise. */
function consoleFolder(): string {
  const inRepository = new URL("../../console/dist", import.meta.url);
  const published = new URL("../console", import.meta.url);
  const isSource = import.meta.url.endsWith(".ts");
  return fileURLToPath(isSource ? inRepository : published);
}
