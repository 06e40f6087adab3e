/**
 * The cursors of one connection, and what its session knows of them.
 *
 * A subscription is stored before it is answered, and starts at a position that is known from the start: so a client that
 * drops before it received anything loses nothing.
 */
import {
  EXECUTION_NAMESPACE,
  formatPosition,
  namespaceOf,
  type Position,
  parsePosition,
  type RestoredSubscription,
  TachikomaError,
} from "@tachikoma/protocol";
import type { LogKey } from "../../stores/store.ts";
import type { Authorize } from "../authorize.ts";
import { type Cursor, createCursor, moveCursor } from "../delivery/cursor.ts";
import type { DeliveryLoop } from "../delivery/delivery-loop.ts";
import type { Subscriber } from "../delivery/subscriber.ts";
import type { Identity } from "../identity.ts";
import type { LogHub } from "../log/log-hub.ts";
import { type PlaceRequest, placeFor, type ResumePlace } from "../resume-place.ts";
import { inboxesOf, isInbox } from "../session/inbox.ts";
import type { Session } from "../session/session.ts";
import type { SessionRegistry } from "../session/session-registry.ts";

export interface SubscriptionsOptions {
  readonly hub: LogHub;
  readonly delivery: DeliveryLoop;
  readonly sessions: SessionRegistry;
  readonly authorize: Authorize;
  readonly limits: { readonly maxSubscriptions: number };
}

/** What was written to the peer before a ping. */
export type Checkpoint = readonly { readonly cursor: Cursor; readonly at: Position }[];

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #subscriber: Subscriber;
  readonly #session: Session;
  readonly #cursors = new Map<string, Cursor>();
  /** Private channels of executions that have ended: dropped once the peer is known to have the end. */
  #ended: Map<string, number> | undefined;
  /** Channels whose subscription is being stored: they hold a place already. */
  #preparing: Set<string> | undefined;
  #isClosed = false;

  constructor(options: SubscriptionsOptions, subscriber: Subscriber, session: Session) {
    this.#options = options;
    this.#subscriber = subscriber;
    this.#session = session;
  }

  get(channel: string): Cursor | undefined {
    return this.#cursors.get(channel);
  }

  channels(): IterableIterator<string> {
    return this.#cursors.keys();
  }

  /**
   * Decides where a subscription starts, and stores it. The log is opened in the same turn as the call, so the head is the one of
   * that moment. The cursor does not move before `activate`.
   *
   * @throws TOO_MANY_SUBSCRIPTIONS
   */
  async prepare(channel: string, request: PlaceRequest): Promise<ResumePlace> {
    this.#checkLimit(channel);
    const key = this.#keyOf(channel);
    const { positions } = this.#session;
    const before = positions.get(channel);
    this.#preparing ??= new Set();
    this.#preparing.add(channel);
    try {
      const opening = this.#options.hub.open(key);
      const place = await placeFor(this.#options.hub, key, await opening, request);
      this.#requireOpen();
      // A reset may be lost with the connection: until something behind it is confirmed, the position is the one that was asked.
      const isReset = place.resetReason !== undefined && request.position !== undefined;
      positions.set(channel, isReset ? request.position : formatPosition(place.from));
      await this.#options.sessions.save(this.#session);
      return place;
    } catch (cause) {
      // What was not stored is not answered, and must not be stored along with the next change.
      if (!this.#isClosed) {
        if (before === undefined) positions.delete(channel);
        else positions.set(channel, before);
      }
      throw cause;
    } finally {
      this.#preparing?.delete(channel);
      if (this.#preparing?.size === 0) this.#preparing = undefined;
    }
  }

  /** Starts delivery after the position, or moves a subscription there. */
  async activate(channel: string, from: Position): Promise<Cursor | undefined> {
    const { log } = await this.#options.hub.open(this.#keyOf(channel));
    if (this.#isClosed) return undefined;
    const existing = this.#cursors.get(channel);
    if (existing !== undefined) {
      moveCursor(existing, from);
      existing.isHeld = false;
      return existing;
    }
    return this.#place(createCursor(log, this.#subscriber, from));
  }

  /** Delivery may begin: whatever had to be said before has been said. */
  begin(cursor: Cursor): void {
    this.#options.delivery.mark(cursor);
  }

  /** False when there was no such subscription. */
  async unsubscribe(channel: string): Promise<boolean> {
    this.#requireOpen();
    const isKnown = this.#drop(channel);
    if (isKnown) await this.#options.sessions.save(this.#session);
    return isKnown;
  }

  /** Brings back what the session holds, inboxes included, asking anew for each whether it is allowed. */
  async restore(identity: Identity): Promise<RestoredSubscription[]> {
    const inboxes = inboxesOf(this.#session);
    const channels = new Set([...inboxes, ...this.#session.positions.keys()]);
    return Promise.all([...channels].map((channel) => this.#restoreOne(identity, channel)));
  }

  checkpoint(): Checkpoint {
    const moved: { cursor: Cursor; at: Position }[] = [];
    for (const cursor of this.#cursors.values()) {
      if (cursor.isHeld || cursor.seq === cursor.confirmedSeq) continue;
      moved.push({ cursor, at: { epoch: cursor.epoch, seq: cursor.seq, tag: cursor.tag } });
    }
    return moved;
  }

  /** The peer has everything up to the checkpoint. Stored when that is news, or when the session is due to be refreshed. */
  async confirm(checkpoint: Checkpoint): Promise<void> {
    let isNews = false;
    for (const { cursor, at } of checkpoint) isNews = this.#confirmOne(cursor, at) || isNews;
    const { sessions } = this.#options;
    if (isNews || sessions.isDueForRefresh(this.#session)) await sessions.save(this.#session);
  }

  /** What the client says it has. A position that was never written to it is not believed. */
  async acknowledge(positions: Readonly<Record<string, string>>): Promise<void> {
    const acknowledged: { cursor: Cursor; at: Position }[] = [];
    for (const [channel, text] of Object.entries(positions)) {
      const cursor = this.#cursors.get(channel);
      const at = parsePosition(text);
      if (cursor === undefined || at === undefined) continue;
      if (await this.#isWritten(cursor, at)) acknowledged.push({ cursor, at });
    }
    await this.confirm(acknowledged);
  }

  /** The log of a private channel has nothing after this seq: the execution has ended. */
  noteEnd(channel: string, seq: number): void {
    if (!this.#cursors.has(channel) || namespaceOf(channel) !== EXECUTION_NAMESPACE) return;
    this.#ended ??= new Map();
    this.#ended.set(channel, Math.min(seq, this.#ended.get(channel) ?? seq));
  }

  close(): void {
    this.#isClosed = true;
    for (const cursor of this.#cursors.values()) this.#options.hub.detach(cursor);
    this.#cursors.clear();
  }

  async #restoreOne(identity: Identity, channel: string): Promise<RestoredSubscription> {
    if (!isInbox(channel) && !(await this.#options.authorize(identity, "subscribe", channel))) {
      this.#session.positions.delete(channel);
      return { channel, recovered: false, reason: "forbidden" };
    }
    const key = this.#keyOf(channel);
    const opened = await this.#options.hub.open(key);
    const position = this.#session.positions.get(channel);
    const place = await placeFor(this.#options.hub, key, opened, { position });
    // The stored position stays until the reset is confirmed: if it is lost with the connection, it is due again.
    if (place.resetReason === undefined) this.#session.positions.set(channel, formatPosition(place.from));
    if (!this.#isClosed) {
      const cursor = this.#place(createCursor(opened.log, this.#subscriber, place.from));
      // Whatever is appended meanwhile waits for the welcome, and for the reset where there is one.
      cursor.isHeld = true;
      if (place.resetReason !== undefined) cursor.confirmedSeq = undefined;
    }
    return {
      channel,
      position: formatPosition(place.from),
      recovered: place.resetReason === undefined,
      ...(place.resetReason === undefined ? {} : { reason: place.resetReason }),
    };
  }

  /** A position of a record that the cursor has passed; with another tag it is that of a record in another log. */
  async #isWritten(cursor: Cursor, at: Position): Promise<boolean> {
    if (at.epoch !== cursor.epoch || at.seq > cursor.seq) return false;
    if (at.seq === cursor.seq) return at.tag === cursor.tag;
    if (cursor.confirmedSeq !== undefined && at.seq <= cursor.confirmedSeq) return false;
    return at.tag === (await this.#options.hub.tagAt(cursor.log.key, at.seq));
  }

  #place(cursor: Cursor): Cursor {
    this.#cursors.set(cursor.log.key.channel, cursor);
    this.#options.hub.attach(cursor);
    return cursor;
  }

  #confirmOne(cursor: Cursor, at: Position): boolean {
    const { channel } = cursor.log.key;
    if (this.#cursors.get(channel) !== cursor || cursor.epoch !== at.epoch) return false;
    if (cursor.confirmedSeq !== undefined && at.seq <= cursor.confirmedSeq) return false;
    cursor.confirmedSeq = at.seq;
    const endSeq = this.#ended?.get(channel);
    if (endSeq !== undefined && at.seq >= endSeq) this.#drop(channel);
    else this.#session.positions.set(channel, formatPosition(at));
    return true;
  }

  #drop(channel: string): boolean {
    this.#ended?.delete(channel);
    const wasStored = this.#session.positions.delete(channel);
    const cursor = this.#cursors.get(channel);
    if (cursor !== undefined) {
      this.#cursors.delete(channel);
      this.#options.hub.detach(cursor);
    }
    return wasStored || cursor !== undefined;
  }

  #checkLimit(channel: string): void {
    const { maxSubscriptions } = this.#options.limits;
    const { positions } = this.#session;
    if (positions.has(channel)) return;
    const inboxCount = inboxesOf(this.#session).length;
    const newCount = [...(this.#preparing ?? [])].filter((name) => !positions.has(name)).length;
    if (positions.size - inboxCount + newCount < maxSubscriptions) return;
    // Ended private channels hold a place only until someone needs it.
    const ended = this.#ended?.keys().next();
    if (ended?.done === false) {
      this.#drop(ended.value);
      return;
    }
    throw new TachikomaError(
      "TOO_MANY_SUBSCRIPTIONS",
      `The session has ${maxSubscriptions} subscriptions, the limit is ${maxSubscriptions}`,
    );
  }

  /** After its connection the session is another's: what was still under way here must not move what that one has. */
  #requireOpen(): void {
    if (this.#isClosed) throw new TachikomaError("CONNECTION_CLOSED");
  }

  #keyOf(channel: string): LogKey {
    return { tenant: this.#session.tenant, channel };
  }
}
