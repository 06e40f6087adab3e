/**
 * Who is present in which channel. Not logged: it is what is true now, on all nodes, and the roster of the channel says it.
 *
 * A node vouches for the sessions whose connections it has. A member whose connection is lost leaves only after a grace, so that
 * a fast reconnect shows nothing to the others; one that comes back on another node takes its entry with it.
 */
import type { PresenceMember } from "@tachikoma/protocol";
import type { LogKey, RosterKey } from "../../stores/store.ts";
import type { Hints, RosterChange } from "../cluster/hints.ts";
import { inParallel } from "../cluster/in-parallel.ts";
import type { VouchedEntries } from "../cluster/vouched-entries.ts";
import type { Subscriber } from "../delivery/subscriber.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { NamespaceTable } from "../namespace.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import { formatEntry, type PresenceEntry, parseEntry } from "./presence-entry.ts";
import { PresenceRoom } from "./presence-room.ts";

/** Rooms are compared with the store this often: hints get lost, and nodes die. */
const CHECK_INTERVAL_MS = 5_000;
const MAX_READS_AT_ONCE = 16;

/** A change whose value is longer is not passed on: whoever hears of it reads it. */
const MAX_NOTE_CHARS = 16 * 1024;

/** The session of a connection, as far as presence is concerned. */
export interface PresentSession {
  readonly id: string;
  readonly tenant: string;
  readonly clientId: string;
  readonly claimNumber: number;
}

export interface PresenceOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hub: LogHub;
  readonly namespaces: NamespaceTable;
  readonly hints: Hints;
  readonly vouched: VouchedEntries;
  /** False when no other node can exist. */
  readonly isShared: boolean;
  readonly leaveAfterMs: number;
}

/** A session that came back, with the channels that it follows while its connection lasts. */
interface Returning {
  readonly session: PresentSession;
  /** Those whose roster has not been asked yet for what the session had set. */
  readonly channels: Set<string>;
  readonly isFollowing: (channel: string) => boolean;
}

export class PresenceTable {
  readonly #options: PresenceOptions;
  /** Channels that have a reader here. */
  readonly #rooms = new Map<string, PresenceRoom>();
  /** Where the sessions of this node are present, by session and channel. */
  readonly #present = new Map<string, Map<string, { readonly key: LogKey; readonly entry: PresenceEntry }>>();
  /** Sessions that lost their connection, with what will make them leave. */
  readonly #leaving = new Map<string, Timer>();
  readonly #returning = new Map<string, Returning>();
  #lastSetAtMs = 0;
  #checkTimer: Timer | undefined;
  #isChecking = false;
  #isClosed = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    options.hints.whenNote("presence", (key, { change }) => this.#onNote(key, change));
    options.hints.whenLost(() => this.#check());
  }

  start(): void {
    this.#checkTimer = this.#options.clock.setTimer(CHECK_INTERVAL_MS, () => {
      this.start();
      this.#check();
    });
  }

  /** `undefined` where nobody here reads it, or not yet. */
  members(key: LogKey): PresenceMember[] | undefined {
    return this.#rooms.get(idOf(key))?.members();
  }

  /** Gives a reader the list of a channel, and from then on what changes. */
  show(key: LogKey, reader: Subscriber): void {
    if (!this.#options.namespaces.configOf(key.channel).isPresenceEnabled) return;
    this.#background(this.#roomOf(key).show(reader));
  }

  /**
   * Makes the session's client present, or changes what it shows.
   *
   * @throws RECORD_TOO_LARGE, STORE_UNAVAILABLE
   */
  async set(key: LogKey, session: PresentSession, state: unknown): Promise<void> {
    const { hub, clock } = this.#options;
    const { clientId, claimNumber } = session;
    hub.checkSize(key.channel, JSON.stringify(state ?? null));
    // Later than what the client was seen to set on other nodes, whose clocks may be ahead.
    const seenAtMs = this.#rooms.get(idOf(key))?.lastSetAtMs(clientId) ?? 0;
    this.#lastSetAtMs = Math.max(this.#lastSetAtMs + 1, seenAtMs + 1, clock.nowMs());
    await this.#put(key, session.id, { clientId, state, setAtMs: this.#lastSetAtMs, claimNumber });
  }

  /** The reader's session does not follow the channel any more. */
  leave(key: LogKey, reader: Subscriber): void {
    this.#rooms.get(idOf(key))?.hide(reader);
    this.#leave(key, reader.sessionId);
  }

  /** The session's connection is gone; unless it comes back in time, it leaves everywhere. */
  detached(sessionId: string): void {
    this.#returning.delete(sessionId);
    if (this.#isClosed || !this.#present.has(sessionId) || this.#leaving.has(sessionId)) return;
    const timer = this.#options.clock.setTimer(this.#options.leaveAfterMs, () => {
      this.#leaving.delete(sessionId);
      this.#leaveAllBut(sessionId, () => false);
    });
    this.#leaving.set(sessionId, timer);
  }

  /** The session has a connection here. What it had set, here or on another node, goes on to count. */
  attached(session: PresentSession, channels: Iterable<string>, isFollowing: Returning["isFollowing"]): void {
    const { namespaces, isShared } = this.#options;
    this.#leaving.get(session.id)?.cancel();
    this.#leaving.delete(session.id);
    const enabled = [...channels].filter((channel) => namespaces.configOf(channel).isPresenceEnabled);
    this.#leaveAllBut(session.id, ({ channel }) => enabled.includes(channel));
    if (!isShared || enabled.length === 0) return;
    const returning = { session, channels: new Set(enabled), isFollowing };
    this.#returning.set(session.id, returning);
    this.#background(this.#bringBack(returning));
  }

  onReadersChanged({ key, cursors }: ChannelLog): void {
    if (cursors.size === 0) this.#rooms.delete(idOf(key));
  }

  /** What a dead node vouched for in this channel is gone. */
  onStruck({ tenant, name }: RosterKey): void {
    const key = { tenant, channel: name };
    this.#options.hints.say(key, { kind: "presence" });
    this.#onNote(key, undefined);
  }

  /**
   * The lease is held again. What was read without it did not say whom this node vouches for; where nobody struck them, nothing
   * changes in the roster that would tell.
   */
  onRejoined(): void {
    for (const room of this.#rooms.values()) room.doubt();
    this.#check();
  }

  /** The store has taken a change of this node. */
  onChanged({ tenant, name }: RosterKey, change: RosterChange): void {
    const key = { tenant, channel: name };
    const isShort = (change.value?.length ?? 0) <= MAX_NOTE_CHARS;
    this.#options.hints.say(key, { kind: "presence", ...(isShort ? { change } : {}) });
    const room = this.#rooms.get(idOf(key));
    if (room !== undefined) this.#background(room.take(change));
  }

  /** Nobody leaves any more: whoever comes back on another node in time never left. */
  close(): void {
    this.#isClosed = true;
    this.#checkTimer?.cancel();
    for (const timer of this.#leaving.values()) timer.cancel();
    this.#leaving.clear();
    this.#returning.clear();
  }

  async #put(key: LogKey, sessionId: string, entry: PresenceEntry): Promise<void> {
    const mine = this.#present.get(sessionId) ?? new Map<string, { key: LogKey; entry: PresenceEntry }>();
    mine.set(idOf(key), { key, entry });
    this.#present.set(sessionId, mine);
    const roster = { tenant: key.tenant, name: key.channel };
    await this.#options.vouched.put(roster, sessionId, formatEntry(entry));
  }

  #leave({ tenant, channel }: LogKey, sessionId: string): void {
    const mine = this.#present.get(sessionId);
    if (!mine?.delete(idOf({ tenant, channel }))) return;
    if (mine.size === 0) this.#present.delete(sessionId);
    this.#options.vouched.drop({ tenant, name: channel }, sessionId);
  }

  #leaveAllBut(sessionId: string, stays: (key: LogKey) => boolean): void {
    for (const { key } of [...(this.#present.get(sessionId)?.values() ?? [])]) {
      if (!stays(key)) this.#leave(key, sessionId);
    }
  }

  /** Takes over what the session had set on the node that had its connection before. */
  async #bringBack(returning: Returning): Promise<void> {
    const { session, channels } = returning;
    await inParallel([...channels], MAX_READS_AT_ONCE, async (channel) => {
      const key = { tenant: session.tenant, channel };
      const { entries } = await this.#options.vouched.look({ tenant: session.tenant, name: channel });
      channels.delete(channel);
      if (this.#returning.get(session.id) !== returning || !returning.isFollowing(channel)) return;
      const here = this.#present.get(session.id)?.get(idOf(key))?.entry;
      // Set anew since it came back.
      if (here?.claimNumber === session.claimNumber) return;
      const found = entries.find(({ id }) => id === session.id);
      // Also where it is ours already: under its new number, so that what a node between puts there late does not count.
      const entry = found === undefined ? here : parseEntry(found.value);
      if (entry === undefined) return;
      await this.#put(key, session.id, { ...entry, claimNumber: session.claimNumber });
    });
    if (this.#returning.get(session.id) === returning) this.#returning.delete(session.id);
  }

  #roomOf(key: LogKey): PresenceRoom {
    const id = idOf(key);
    const existing = this.#rooms.get(id);
    if (existing !== undefined) return existing;
    const { hub, vouched } = this.#options;
    const room = new PresenceRoom({
      key,
      read: () => vouched.look({ tenant: key.tenant, name: key.channel }),
      readers: () => [...(hub.peek(key)?.cursors ?? [])].map(({ subscriber }) => subscriber),
    });
    this.#rooms.set(id, room);
    return room;
  }

  #onNote(key: LogKey, change: RosterChange | undefined): void {
    const room = this.#rooms.get(idOf(key));
    if (room !== undefined) this.#background(change === undefined ? room.refresh() : room.take(change));
    // Another node's is older than ours: it was under way when the session came back here. The next look puts ours there again.
    if (change !== undefined && this.#isOutdated(key, change)) {
      this.#background(this.#options.vouched.look({ tenant: key.tenant, name: key.channel }));
    }
  }

  #isOutdated(key: LogKey, { id, value }: RosterChange): boolean {
    const ours = this.#present.get(id)?.get(idOf(key))?.entry.claimNumber;
    const theirs = value === undefined ? undefined : parseEntry(value)?.claimNumber;
    return ours !== undefined && theirs !== undefined && theirs < ours;
  }

  /** One at a time: a store that hangs is not asked again and again. */
  #check(): void {
    // While the lease is lost the roster does not say what is true of this node; it is put right with the lease.
    if (this.#isChecking || !this.#options.vouched.areCounted) return;
    this.#isChecking = true;
    // Without other nodes nothing happens in the store that is not known here.
    const due = [...this.#rooms.values()].filter((room) => this.#options.isShared || !room.isCurrent);
    const checking = Promise.all([
      inParallel(due, MAX_READS_AT_ONCE, (room) => room.refresh()),
      inParallel(this.#returning.values(), MAX_READS_AT_ONCE, (returning) => this.#bringBack(returning)),
    ]).finally(() => {
      this.#isChecking = false;
    });
    this.#background(checking);
  }

  /** What the store did not answer is looked at again with the next check. */
  #background(work: Promise<unknown>): void {
    work.catch((cause: unknown) => this.#options.logger.warn({ err: cause }, "Presence is not up to date"));
  }
}

function idOf(key: LogKey): string {
  return `${key.tenant}\u0000${key.channel}`;
}
