/**
 * The server without its surfaces: logs, sessions, connections, executions and the delivery between them. A gateway brings
 * credentials and transports; a simulation brings its own.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Handler } from "../executions/handler.ts";
import type { Store } from "../stores/store.ts";
import { type Authorize, createAuthorize } from "./authorize.ts";
import { LogFollower } from "./cluster/log-follower.ts";
import { Membership } from "./cluster/membership.ts";
import { NodeMail } from "./cluster/node-mail.ts";
import { Connection, type PeerInfo } from "./connection/connection.ts";
import { ConnectionPlaces, type Reservation } from "./connection/connection-places.ts";
import { ConnectionRegistry } from "./connection/connection-registry.ts";
import type { ConnectionContext, ConnectionLimits, CustomHandler } from "./connection/context.ts";
import type { Door } from "./connection/door-policy.ts";
import type { HeartbeatTiming } from "./connection/heartbeat.ts";
import { PostedMessages } from "./connection/posted-messages.ts";
import { type Credential, identityFor } from "./credential.ts";
import { DeliveryLoop } from "./delivery/delivery-loop.ts";
import { HistoryReader } from "./delivery/history-reader.ts";
import { askToLeave, drainConnections, type StopCode } from "./drain.ts";
import { type ExecutionLimits, longestExecutionMs } from "./execution/execution-limits.ts";
import { ExecutionService } from "./execution/execution-service.ts";
import { Housekeeping } from "./housekeeping.ts";
import { DEFAULT_TENANT, type Identity } from "./identity.ts";
import type { RingLimits } from "./log/channel-log.ts";
import { LogHub } from "./log/log-hub.ts";
import { Mailbox } from "./mailbox.ts";
import type { NamespaceTable } from "./namespace.ts";
import type { Observer } from "./observer.ts";
import type { Clock, Logger, Random, Transport } from "./ports.ts";
import { PresenceTable } from "./presence/presence-table.ts";
import { type PublishRequest, publishMessage } from "./publish.ts";
import { Requests } from "./requests/requests.ts";
import { type OpenedSession, SessionRegistry } from "./session/session-registry.ts";
import { Signals } from "./signals.ts";

export interface SessionServerLimits extends ConnectionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  readonly replayPageBytes: number;
  readonly ring: RingLimits;
  readonly maxHotBytes: number;
  readonly executions: ExecutionLimits;
}

export interface SessionServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Observer;
  readonly namespaces: NamespaceTable;
  readonly handlers: ReadonlyMap<string, Handler>;
  /** Those whose executions are run anew when their owner is lost. @default none */
  readonly handlersToRestart?: ReadonlySet<string> | undefined;
  readonly onCustom?: CustomHandler | undefined;
  /** Judges a token that a live connection presents; rejects when it is not good. */
  readonly checkToken: (token: string) => Promise<Credential>;
  readonly heartbeat: HeartbeatTiming;
  readonly limits: SessionServerLimits;
  readonly sessionTtlMs: number;
  readonly presenceLeaveAfterMs: number;
  readonly leaseTtlMs: number;
  readonly flushWindowMs: () => number;
  readonly serverVersion: string;
}

/** Somebody who asks to be connected, with a credential that was checked. */
export interface Admission {
  readonly credential: Credential;
  readonly clientId: string | undefined;
  readonly sessionId: string | undefined;
  /** Counts up in the order in which connections knocked. @default the order of the calls of `admit` */
  readonly order?: number;
}

/** Somebody who may be connected: a place is taken. Connect it or release it. */
export interface Admitted {
  /** Counts up in the order in which connections knocked. */
  readonly admission: number;
  /** A later one holds the session already: this connection is told so and closed. */
  readonly isOvertaken: boolean;
  readonly identity: Identity;
  readonly opened: OpenedSession;
  readonly reservation: Reservation;
}

export interface ConnectOptions {
  readonly transport: Transport;
  readonly door: Door;
  readonly peer: PeerInfo;
  readonly arePositionsFromClient: boolean;
  /** Called when the connection has been welcomed, or never will be. */
  readonly onStarted?: () => void;
}

const CLIENT_ID_CHARS = 16;
const NODE_ID_CHARS = 12;
const RECEIPT_TTL_MS = 24 * 3_600_000;
const CLOSE_IDLE_LOG_AFTER_MS = 60_000;
/** Enough to merge a long answer into a few frames; many of them at once stay bounded. */
const HISTORY_LIMITS = { maxConcurrentReads: 16, maxRecords: 16_384, maxBytes: 1024 * 1024 };

export class SessionServer {
  readonly nodeId: string;
  readonly connections = new ConnectionRegistry();
  readonly executions: ExecutionService;
  readonly hub: LogHub;
  readonly authorize: Authorize;
  readonly mailbox: Mailbox;
  /** For connections whose messages come by requests. */
  readonly posted: PostedMessages;
  /** For surfaces that are no connections. */
  readonly requests: Requests;
  readonly #options: SessionServerOptions;
  readonly #membership: Membership;
  readonly #places: ConnectionPlaces;
  readonly #sessions: SessionRegistry;
  readonly #presence: PresenceTable;
  readonly #context: ConnectionContext;
  readonly #housekeeping: Housekeeping;
  readonly #follower: LogFollower;
  readonly #mail: NodeMail;
  #opening: Promise<void> | undefined;
  #isDraining = false;
  #startingCount = 0;
  #admissionCount = 0;

  constructor(options: SessionServerOptions) {
    const { clock, store, random, observer, limits, namespaces } = options;
    this.#options = options;
    this.nodeId = random.id(NODE_ID_CHARS);
    this.#membership = new Membership({
      ...options,
      nodeId: this.nodeId,
      onPresenceChanged: (roster, change) => this.#presence.onChanged(roster, change),
      onPresenceStruck: (roster) => this.#presence.onStruck(roster),
      onPresenceCounted: () => this.#presence.onRejoined(),
    });
    const { hints } = this.#membership;
    this.#places = new ConnectionPlaces(this.#membership.places, limits.maxConnectionsPerClient);
    this.authorize = createAuthorize(namespaces, () => clock.nowMs());
    this.#sessions = new SessionRegistry({
      store,
      clock,
      random,
      observer,
      ttlMs: options.sessionTtlMs,
      nodeId: this.nodeId,
      onTakenFrom: (nodeId, taken) => this.#mail.sendAtLast(nodeId, { kind: "session_taken", ...taken }),
    });
    this.#mail = new NodeMail({
      ...options,
      nodeId: this.nodeId,
      onMessage: (message) => {
        if (message.kind === "session_taken") this.#sessions.taken(message);
        else if (message.kind === "command" || message.kind === "receipt") this.executions.onMessage(message);
        else if (message.kind === "posted" || message.kind === "post_taken") this.posted.onMessage(message);
      },
    });
    this.posted = new PostedMessages({
      ...options,
      nodeId: this.nodeId,
      connections: this.connections,
      send: (nodeId, message) => this.#mail.send(nodeId, message),
    });
    this.#follower = new LogFollower({ ...options, hub: () => this.hub });
    this.hub = new LogHub({
      ...options,
      ring: limits.ring,
      maxHotBytes: limits.maxHotBytes,
      closeIdleLogAfterMs: CLOSE_IDLE_LOG_AFTER_MS,
      onAdvance: (log) => {
        for (const cursor of log.cursors) delivery.mark(cursor);
      },
      onReadersChanged: (log) => {
        this.#membership.watchers?.onReadersChanged(log);
        this.#presence.onReadersChanged(log);
        this.executions.onReadersChanged(log);
      },
      onReadChanged: (log, isRead) => {
        if (store.isShared) this.#follower.onReadChanged(log, isRead);
      },
    });
    const delivery = new DeliveryLoop({
      hub: this.hub,
      history: new HistoryReader(() => this.hub, HISTORY_LIMITS, observer),
      clock,
      observer,
      highWaterBytes: limits.highWaterBytes,
      pageBytes: limits.replayPageBytes,
      flushWindowMs: options.flushWindowMs,
    });
    this.#presence = new PresenceTable({
      ...options,
      hints,
      hub: this.hub,
      vouched: this.#membership.presence,
      isShared: store.isShared,
      leaveAfterMs: options.presenceLeaveAfterMs,
    });
    this.executions = new ExecutionService({
      ...options,
      hub: this.hub,
      nodeId: this.nodeId,
      isWatchedElsewhere: this.#membership.isWatchedElsewhere,
      limits: limits.executions,
      receiptTtlMs: RECEIPT_TTL_MS,
      mail: this.#mail,
    });
    const signals = new Signals({ hub: this.hub, hints });
    this.requests = new Requests({
      clock,
      namespaces,
      signals,
      hub: this.hub,
      delivery,
      executions: this.executions,
      authorize: this.authorize,
    });
    this.mailbox = new Mailbox({ hub: this.hub, connections: this.connections, namespaces });
    this.#housekeeping = new Housekeeping({
      ...options,
      hub: this.hub,
      maxExecutionMs: longestExecutionMs(limits.executions),
    });
    this.#context = {
      ...options,
      nodeId: this.nodeId,
      hub: this.hub,
      delivery,
      sessions: this.#sessions,
      connections: this.connections,
      presence: this.#presence,
      signals,
      executions: this.executions,
      authorize: this.authorize,
      reauthenticate: (token, identity) => this.#reauthenticate(token, identity),
      onCustom: options.onCustom,
      isStoreShared: store.isShared,
    };
  }

  get isReady(): boolean {
    return !this.#isDraining;
  }

  /** Connections that have their transport and not yet their `welcome`. */
  get startingCount(): number {
    return this.#startingCount;
  }

  get sessionCount(): number {
    return this.#sessions.liveCount;
  }

  /** Ends what a former process left running, and starts the periodic work. Opening again is the same opening. */
  open(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    await this.#membership.open();
    if (this.#options.store.isShared) await this.#meetOthers();
    await this.executions.open();
    this.#presence.start();
    this.#housekeeping.start();
  }

  async #meetOthers(): Promise<void> {
    const { hints } = this.#membership;
    hints.whenHead((key, head) => {
      if (!this.#mail.onHead(key)) this.#follower.onHead(key, head);
    });
    hints.whenLost(() => {
      this.#follower.onHintsLost();
      this.#mail.onHintsLost();
    });
    await this.#mail.open();
    this.#follower.start();
  }

  /**
   * Decides before the handshake whether a connection may be made, and takes its place.
   *
   * @throws SERVER_NOT_READY, FORBIDDEN, TOO_MANY_CONNECTIONS, STORE_UNAVAILABLE
   */
  async admit(admission: Admission): Promise<Admitted> {
    this.#admissionCount += 1;
    const number = admission.order ?? this.#admissionCount;
    const { credential, clientId, sessionId } = admission;
    const { random } = this.#options;
    const tenant = credential.tenant ?? DEFAULT_TENANT;
    const sessionClientId =
      sessionId === undefined || clientId !== undefined
        ? undefined
        : await this.#sessions.clientIdOf(tenant, sessionId);
    const identity = identityFor(
      credential,
      clientId,
      sessionClientId,
      () => `c-${random.id(CLIENT_ID_CHARS)}`,
    );
    const opened = await this.#sessions.open(identity, sessionId);
    this.#checkReady();
    const { session, isResumed } = opened;
    const reservation = await this.#places.reserve({
      tenant: identity.tenant,
      clientId: identity.clientId,
      sessionId: session.id,
      claimNumber: session.claimNumber + (isResumed ? 1 : 0),
      isReplacing: isResumed && session.holder !== undefined,
    });
    // While the store was asked the server may have begun to stop, and a later connection may have come.
    if (this.#isDraining) {
      reservation.release();
      throw stopping();
    }
    const isOvertaken = this.#sessions.isOvertaken(session, number);
    return { admission: number, isOvertaken, identity, opened, reservation };
  }

  /** Gives an admitted connection its transport. It says `welcome` as soon as its session is stored. */
  connect(admitted: Admitted, options: ConnectOptions): Connection {
    // Since it was admitted a later one may have come, and be here already.
    const isOvertaken =
      admitted.isOvertaken || this.#sessions.isOvertaken(admitted.opened.session, admitted.admission);
    const connection = new Connection(this.#context, { ...admitted, ...options, isOvertaken });
    this.#startingCount += 1;
    connection.start().finally(() => {
      this.#startingCount -= 1;
      options.onStarted?.();
    });
    return connection;
  }

  publish(request: PublishRequest): Promise<string> {
    return publishMessage({ hub: this.hub, namespaces: this.#options.namespaces }, request);
  }

  /**
   * Stops: lets executions finish, sends clients away, each at another moment, and closes every connection. Where other nodes can
   * take them they leave while executions still run, and see the end of those there; where nobody can they stay to see it. The
   * store stays open; it is its owner's.
   */
  async close(graceMs: number, code: StopCode): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const { clock, random, store, flushWindowMs } = this.#options;
    const welcomed = [...this.connections.all()].filter((connection) => connection.isOpen);
    if (store.isShared) this.executions.ignoreUnwatched();
    await Promise.all([
      this.executions.drain(graceMs),
      store.isShared ? drainConnections(welcomed, { clock, random, graceMs, code }) : undefined,
    ]);
    // The last records have been stored; one more turn of the loop writes them, whatever window they were collecting in.
    this.#context.delivery.flushCollected();
    await new Promise<void>((resolve) => clock.setTimer(flushWindowMs() + 1, resolve));
    // With one owner nobody can come back before there is a server again: closing some earlier would only keep them away longer.
    const spreadMs = store.isShared ? 0 : graceMs;
    for (const connection of this.connections.all()) {
      askToLeave(connection, Math.round(random.fraction() * spreadMs), code);
    }
    for (const connection of [...this.connections.all()]) connection.close(code);
    this.posted.close();
    this.#presence.close();
    this.#housekeeping.stop();
    this.#follower.stop();
    if (this.#options.store.isShared) await this.#mail.close();
    await this.executions.settleHandlers();
    await this.#membership.close();
  }

  #checkReady(): void {
    if (this.#isDraining) throw stopping();
    const { maxConnections } = this.#options.limits;
    if (this.#places.count >= maxConnections) {
      throw new TachikomaError("SERVER_NOT_READY", `The server has ${maxConnections} connections, its limit`);
    }
  }

  async #reauthenticate(token: string, identity: Identity): Promise<Identity | undefined> {
    const credential = await this.#options.checkToken(token);
    const renewed = identityFor(credential, identity.clientId, undefined, () => identity.clientId);
    const isSame = renewed.tenant === identity.tenant && renewed.subject === identity.subject;
    return isSame ? renewed : undefined;
  }
}

function stopping(): TachikomaError {
  return new TachikomaError("SERVER_NOT_READY", "The server is stopping");
}
