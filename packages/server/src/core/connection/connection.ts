/**
 * One connection, from the accepted handshake to its close.
 *
 *   starting --session stored, welcome sent--> open --> closed
 *
 * It turns what arrives into calls on its verbs, and owns the timers of the heartbeat. What is delivered, and when, is the
 * delivery loop's; what is stored is the session registry's.
 */
import {
  ERRORS,
  type ErrorCode,
  encodeMessage,
  errorCodeOf,
  type RestoredSubscription,
  type ServerMessage,
} from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { Cursor } from "../delivery/cursor.ts";
import type { Page } from "../delivery/page.ts";
import type { Subscriber } from "../delivery/subscriber.ts";
import type { Identity } from "../identity.ts";
import type { Timer, Transport } from "../ports.ts";
import type { Session, SessionHolder } from "../session/session.ts";
import type { OpenedSession } from "../session/session-registry.ts";
import { connectionIdOf } from "./connection-id.ts";
import type { Reservation } from "./connection-places.ts";
import type { ConnectionContext } from "./context.ts";
import type { Door } from "./door-policy.ts";
import { Heart } from "./heart.ts";
import { Inbound } from "./inbound.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What is known of the other end from its handshake. */
export interface PeerInfo {
  readonly userAgent: string | undefined;
  readonly address: string | undefined;
}

export interface ConnectionStart {
  /** Counts up in the order in which connections knocked. */
  readonly admission: number;
  /** A later one holds the session already. */
  readonly isOvertaken: boolean;
  readonly identity: Identity;
  readonly opened: OpenedSession;
  readonly reservation: Reservation;
  readonly transport: Transport;
  readonly door: Door;
  readonly peer: PeerInfo;
  /** The client says itself where each restored subscription goes on. */
  readonly arePositionsFromClient: boolean;
}

export class Connection implements Subscriber, SessionHolder {
  readonly id: string;
  readonly transport: Transport;
  readonly session: Session;
  readonly subscriptions: Subscriptions;
  dirtyCursors: Cursor[] = [];
  isQueued = false;
  writtenAtMs = Number.NEGATIVE_INFINITY;
  /** The request under way for each channel. */
  readonly channelOrder = new Map<string, Promise<unknown>>();
  readonly peer: PeerInfo;
  readonly door: Door;
  readonly createdAtMs: number;
  readonly context: ConnectionContext;
  identity: Identity;
  lastActivityAtMs: number;
  receivedMessageCount = 0;
  sentMessageCount = 0;
  receivedByteCount = 0;
  sentByteCount = 0;
  #state: "starting" | "open" | "closed" = "starting";
  readonly #reservation: Reservation;
  readonly #opened: OpenedSession;
  readonly #arePositionsFromClient: boolean;
  readonly #isOvertaken: boolean;
  readonly #inbound: Inbound;
  readonly #heart: Heart;
  /** Channels whose list of members is due when there is room. */
  #stalePresence: Map<string, LogKey> | undefined;
  #startTimer: Timer | undefined;
  #expiryTimer: Timer | undefined;
  #closeCode: number | undefined;

  constructor(context: ConnectionContext, start: ConnectionStart) {
    const { clock, random, sessions, limits } = context;
    this.context = context;
    this.id = connectionIdOf(context.nodeId, random.id(20));
    this.identity = start.identity;
    this.transport = start.transport;
    this.peer = start.peer;
    this.door = start.door;
    this.createdAtMs = clock.nowMs();
    this.lastActivityAtMs = this.createdAtMs;
    this.#reservation = start.reservation;
    this.#opened = start.opened;
    this.#arePositionsFromClient = start.arePositionsFromClient;
    const { session } = start.opened;
    this.#isOvertaken = start.isOvertaken;
    this.session = start.isOvertaken ? session : sessions.attach(session, this, start.admission);
    this.subscriptions = new Subscriptions(context, this, this.session);
    this.#inbound = new Inbound(this, context);
    const { answersPings } = start.transport;
    const pongTimeoutMs = answersPings ? context.heartbeat.pongTimeoutMs : undefined;
    this.#heart = new Heart(
      context.clock,
      { ...context.heartbeat, pongTimeoutMs },
      {
        ping: (checkpoint) => this.transport.ping(checkpoint),
        checkpoint: () => this.subscriptions.checkpoint(),
        confirmed: (checkpoint) => this.background(this.subscriptions.confirm(checkpoint)),
        dead: () => this.close("HEARTBEAT_TIMEOUT"),
      },
    );
    this.#inbound.pause("starting");
    this.#startTimer = clock.setTimer(limits.connectionTimeoutMs, () => this.close("CONNECTION_TIMEOUT"));
  }

  get sessionId(): string {
    return this.session.id;
  }

  /** True once `welcome` has been said. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /** Restores the session and says `welcome`. Never rejects: what goes wrong closes the connection. */
  async start(): Promise<void> {
    const { sessions, connections, presence, observer } = this.context;
    if (this.#isOvertaken) return this.close("SESSION_REPLACED");
    connections.register(this);
    observer.connectionOpened();
    observer.sessionOpened(this.#opened.freshReason ?? (this.#opened.isResumed ? "resumed" : "new"));
    try {
      if (this.#opened.isResumed) await sessions.claim(this.session);
      const restored = await this.subscriptions.restore(this.identity);
      await sessions.save(this.session);
      if (this.isClosed) return;
      const { subscriptions } = this;
      presence.attached(
        this.session,
        subscriptions.channels(),
        (channel) => subscriptions.get(channel) !== undefined,
      );
      this.#welcome(restored);
    } catch (cause) {
      this.closeFor(cause);
    }
  }

  send(message: ServerMessage): void {
    this.sendText(encodeMessage(message));
  }

  sendText(text: string): void {
    if (this.isClosed) return;
    const bytes = this.transport.framing.frame(text);
    this.sentMessageCount += 1;
    this.sentByteCount += bytes.byteLength;
    this.transport.write(bytes);
  }

  /** Sends what may be lost: only when there is room. */
  sendIfRoom(text: string): boolean {
    if (this.#state !== "open" || !this.#hasRoom()) return false;
    this.sendText(text);
    return true;
  }

  sendError(code: ErrorCode, message: string, ref?: string): void {
    this.context.observer.errorSent(code);
    this.send({ type: "error", code, message, ...(ref === undefined ? {} : { ref }) });
  }

  /** Answers a failed request. Only errors of the catalogue show their text. */
  sendFailure(cause: unknown, ref?: string): void {
    const code = errorCodeOf(cause);
    if (code === undefined)
      this.context.logger.error({ err: cause, connectionId: this.id }, "Request failed");
    const message = code !== undefined && cause instanceof Error ? cause.message : ERRORS.INTERNAL.message;
    this.sendError(code ?? "INTERNAL", message, ref);
  }

  /** Lets work go on behind the messages that follow. A failure is answered as an error. */
  background(work: Promise<unknown>, ref?: string): void {
    this.#inbound.track(work.catch((cause: unknown) => this.sendFailure(cause, ref)));
  }

  /** Resolves when the connection takes messages now, and when it is closed: what arrives otherwise waits at its peer. */
  untilReading(): Promise<void> {
    return this.#inbound.untilReading();
  }

  /** @param byteCount of the text as it travelled */
  onText(text: string, byteCount = text.length): void {
    if (this.isClosed) return;
    this.receivedMessageCount += 1;
    this.receivedByteCount += byteCount;
    this.lastActivityAtMs = this.context.clock.nowMs();
    this.#inbound.take(text);
  }

  onBinary(): void {
    if (this.isClosed) return;
    this.#inbound.refuse("BINARY_NOT_SUPPORTED", ERRORS.BINARY_NOT_SUPPORTED.message);
  }

  onPong(checkpoint: number): void {
    this.lastActivityAtMs = this.context.clock.nowMs();
    this.#heart.pong(checkpoint);
  }

  onDrain(): void {
    if (this.isClosed) return;
    this.#inbound.resume("full");
    for (const [channel, key] of this.#stalePresence ?? []) {
      if (!this.#hasRoom()) return;
      this.#stalePresence?.delete(channel);
      this.#sendMembers(key);
    }
    this.context.delivery.drained(this);
  }

  /** The transport is gone, whoever ended it. */
  onClosed(closeCode: number): void {
    if (this.isClosed) return;
    this.#state = "closed";
    const { connections, delivery, observer, presence, sessions } = this.context;
    this.#startTimer?.cancel();
    this.#expiryTimer?.cancel();
    this.#heart.stop();
    this.#inbound.close();
    delivery.forget(this);
    this.subscriptions.close();
    connections.unregister(this);
    this.#reservation.release();
    observer.connectionClosed(this.#closeCode ?? closeCode);
    if (this.session.holder !== this) return;
    sessions.detach(this.session, this);
    presence.detached(this.session.id);
    // Only makes the time to live count from now; a session that is not written here is still resumable.
    sessions.save(this.session).catch(() => this.context.observer.storeFailed("saveSession"));
  }

  onReplaced(): void {
    this.close("SESSION_REPLACED");
  }

  onDelivered(cursor: Cursor, page: Page): void {
    this.sentMessageCount += page.frameCount;
    this.sentByteCount += page.bytes.byteLength;
    for (const executionId of page.endedExecutionIds) this.door.onEndDelivered(this, cursor, executionId);
  }

  onReset(cursor: Cursor, reason: "trimmed" | "epoch_changed", position: string): void {
    this.send({ type: "reset", channel: cursor.log.key.channel, reason, position });
  }

  onReadFailed(): void {
    this.close("STORE_UNAVAILABLE");
  }

  onPresence(key: LogKey, text: string): void {
    if (this.sendIfRoom(text)) return;
    // The change is not queued: the whole list follows when there is room.
    this.#stalePresence ??= new Map();
    this.#stalePresence.set(key.channel, key);
  }

  /** Takes a fresh credential of the same subject. */
  renew(identity: Identity): void {
    this.identity = identity;
    this.#watchExpiry();
  }

  close(code: ErrorCode, message?: string): void {
    const { closeCode } = ERRORS[code] as { closeCode?: number };
    this.closeWith(closeCode ?? 1011, message ?? ERRORS[code].message);
  }

  closeFor(cause: unknown): void {
    const code = errorCodeOf(cause) ?? "INTERNAL";
    if (code === "INTERNAL") {
      this.context.logger.error({ err: cause, connectionId: this.id }, "Connection failed");
    }
    this.close(code);
  }

  closeWith(closeCode: number, reason: string): void {
    if (this.isClosed) return;
    this.#closeCode = closeCode;
    this.transport.close(closeCode, reason);
    this.onClosed(closeCode);
  }

  #welcome(restored: readonly RestoredSubscription[]): void {
    const { freshReason, isResumed } = this.#opened;
    this.#state = "open";
    this.#startTimer?.cancel();
    this.#startTimer = undefined;
    this.send({
      type: "welcome",
      connectionId: this.id,
      sessionId: this.session.id,
      clientId: this.session.clientId,
      serverVersion: this.context.serverVersion,
      resumed: isResumed,
      ...(freshReason === undefined ? {} : { reason: freshReason }),
      subscriptions: [...restored],
    });
    // Where the place is still to be named, the answer to that tells it.
    const isWaiting = (channel: string) => this.#arePositionsFromClient || this.door.places(channel);
    this.#sayResets(restored.filter(({ channel }) => !isWaiting(channel)));
    this.#watchExpiry();
    this.#heart.start();
    this.#inbound.resume("starting");
    for (const channel of this.subscriptions.channels()) {
      const cursor = this.subscriptions.get(channel)!;
      cursor.isHeld = isWaiting(channel);
      // The list, too, comes with that answer.
      if (!cursor.isHeld) this.context.presence.show(cursor.log.key, this);
      this.subscriptions.begin(cursor);
    }
    this.door.onWelcome(this, isResumed);
  }

  #sayResets(restored: readonly RestoredSubscription[]): void {
    for (const { channel, position, reason } of restored) {
      if (position === undefined || reason === undefined || reason === "forbidden") continue;
      this.context.observer.resetSent(reason);
      this.send({ type: "reset", channel, reason, position });
    }
  }

  #sendMembers(key: LogKey): void {
    const members = this.context.presence.members(key);
    if (members === undefined) return;
    this.send({ type: "presence", channel: key.channel, event: "members", members });
  }

  #hasRoom(): boolean {
    return this.transport.bufferedBytes < this.context.limits.highWaterBytes;
  }

  #watchExpiry(): void {
    this.#expiryTimer?.cancel();
    const { expiresAtMs } = this.identity;
    if (expiresAtMs === undefined) return;
    const leftMs = Math.max(0, expiresAtMs - this.context.clock.nowMs());
    this.#expiryTimer = this.context.clock.setTimer(leftMs, () => this.close("TOKEN_EXPIRED"));
  }
}
