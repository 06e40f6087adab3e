/**
 * Sessions by id. They are written when they change, before the change is shown to anyone, and never at disconnect only: a
 * node that is killed leaves every session behind as it was.
 */
import { type FreshReason, TachikomaError } from "@tachikoma/protocol";
import type { ClaimedSession, Store } from "../../stores/store.ts";
import type { Identity } from "../identity.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Random } from "../ports.ts";
import { Session, type SessionHolder } from "./session.ts";

/** More than 128 bits: a session id is not to be guessed. */
const SESSION_ID_CHARS = 26;

/** A session is written again at least this often in its time to live, so that a crash costs it no more than this share. */
const REFRESH_SHARE_OF_TTL = 0.25;

export interface OpenedSession {
  readonly session: Session;
  readonly isResumed: boolean;
  readonly freshReason: FreshReason | undefined;
}

export interface SessionRegistryOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly observer: Observer;
  /** How long a session can be resumed after its last connection. */
  readonly ttlMs: number;
  readonly nodeId: string;
  /** The session was taken from a connection that another node has, or had. */
  readonly onTakenFrom: (nodeId: string, taken: TakenSession) => void;
}

/** Which session was taken, and the number under which it goes on. */
export interface TakenSession {
  readonly tenant: string;
  readonly sessionId: string;
  readonly claimNumber: number;
}

export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  /** Sessions that have a connection on this node. */
  readonly #live = new Map<string, Session>();
  readonly #saving = new Map<Session, SaveState>();

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  get liveCount(): number {
    return this.#live.size;
  }

  live(tenant: string, sessionId: string): Session | undefined {
    return this.#live.get(liveKey(tenant, sessionId));
  }

  /** True when a connection that knocked later holds the session already: this one was overtaken on its way in. */
  isOvertaken(session: Session, admission: number): boolean {
    const held = this.live(session.tenant, session.id);
    return held?.holder !== undefined && held.holderAdmission > admission;
  }

  /** Finds the session that was asked for, or makes a fresh one and says why. Nothing is stored yet. */
  async open(identity: Identity, requestedId: string | undefined): Promise<OpenedSession> {
    if (requestedId === undefined) return this.#fresh(identity, undefined);
    const session = await this.#find(identity.tenant, requestedId);
    if (session === undefined) return this.#fresh(identity, "unknown_session");
    if (session.subject !== identity.subject || session.clientId !== identity.clientId) {
      return this.#fresh(identity, "foreign_session");
    }
    if (session.expiresAtMs <= this.#options.clock.nowMs()) return this.#fresh(identity, "expired_session");
    return { session, isResumed: true, freshReason: undefined };
  }

  /** The client id that a session belongs to, for a client that comes back with the session alone. */
  async clientIdOf(tenant: string, sessionId: string): Promise<string | undefined> {
    return (await this.#find(tenant, sessionId))?.clientId;
  }

  /** Gives the session to a connection. Whoever held it is told. */
  attach(session: Session, holder: SessionHolder, admission: number): Session {
    const key = liveKey(session.tenant, session.id);
    const held = this.#live.get(key);
    // Both connections may have loaded their own copy; the one that is in use is ahead of the store.
    const current = held ?? session;
    const previous = current.holder;
    current.holder = holder;
    current.holderAdmission = admission;
    this.#live.set(key, current);
    previous?.onReplaced();
    return current;
  }

  /**
   * Takes a resumed session in the store: from here on nobody else can write it. Between its loading and this another connection,
   * here or on another node, may have come, changed it and gone; then what that one left counts.
   */
  async claim(session: Session): Promise<void> {
    const { store, nodeId, onTakenFrom } = this.#options;
    const { tenant, id: sessionId } = session;
    const claimed = await this.#claimNow(session);
    this.#tellIfTaken(session);
    // It has just expired: the next save brings it back.
    if (claimed === undefined) return;
    const { previousNodeId } = claimed;
    if (!store.isShared || previousNodeId === "" || previousNodeId === nodeId) return;
    onTakenFrom(previousNodeId, { tenant, sessionId, claimNumber: session.claimNumber });
  }

  async #claimNow(session: Session): Promise<ClaimedSession | undefined> {
    const { store, nodeId } = this.#options;
    session.claimingCount += 1;
    try {
      const claimed = await store.claimSession(session.tenant, session.id, nodeId);
      if (claimed !== undefined) session.claimed(claimed);
      return claimed;
    } finally {
      session.claimingCount -= 1;
    }
  }

  /** Another node has taken the session: a connection that still has it here is told. */
  taken({ tenant, sessionId, claimNumber }: TakenSession): void {
    const session = this.live(tenant, sessionId);
    if (session === undefined) return;
    session.takenNumber = Math.max(session.takenNumber, claimNumber);
    this.#tellIfTaken(session);
  }

  #tellIfTaken(session: Session): void {
    if (!session.isTaken || session.holder === undefined) return;
    this.#options.observer.sessionTaken();
    session.holder.onReplaced();
  }

  detach(session: Session, holder: SessionHolder): void {
    if (session.holder !== holder) return;
    session.holder = undefined;
    this.#live.delete(liveKey(session.tenant, session.id));
  }

  /**
   * Writes the session as it is now. Resolves when this state, or a later one, is stored.
   *
   * @throws SESSION_REPLACED when another node has taken it
   */
  save(session: Session): Promise<void> {
    session.expiresAtMs = this.#options.clock.nowMs() + this.#options.ttlMs;
    const state = this.#saving.get(session);
    if (state === undefined) return this.#startSave(session);
    state.next ??= state.current.then(
      () => this.#startSave(session),
      () => this.#startSave(session),
    );
    return state.next;
  }

  /** True when the stored expiry is old enough to be written again. */
  isDueForRefresh(session: Session): boolean {
    const { clock, ttlMs } = this.#options;
    return session.expiresAtMs - clock.nowMs() < ttlMs * (1 - REFRESH_SHARE_OF_TTL);
  }

  #startSave(session: Session): Promise<void> {
    const current = this.#write(session);
    const state: SaveState = { current, next: undefined };
    this.#saving.set(session, state);
    const finish = () => {
      if (this.#saving.get(session) === state && state.next === undefined) this.#saving.delete(session);
    };
    current.then(finish, finish);
    return current;
  }

  async #write(session: Session): Promise<void> {
    const { store, nodeId } = this.#options;
    const stored = session.toStored(nodeId);
    if (await store.saveSession(stored)) return;
    // A connection that came after the write takes it, or has taken it, under a number of its own, and is not concerned.
    session.takenNumber = Math.max(session.takenNumber, stored.holder + 1);
    this.#tellIfTaken(session);
    throw new TachikomaError("SESSION_REPLACED");
  }

  async #find(tenant: string, sessionId: string): Promise<Session | undefined> {
    const live = this.live(tenant, sessionId);
    if (live !== undefined) return live;
    const stored = await this.#options.store.loadSession(tenant, sessionId);
    // It may have come alive while the store was asked.
    return this.live(tenant, sessionId) ?? (stored === undefined ? undefined : new Session(stored));
  }

  #fresh(identity: Identity, freshReason: FreshReason | undefined): OpenedSession {
    const { clock, random, ttlMs } = this.#options;
    const nowMs = clock.nowMs();
    const session = new Session({
      tenant: identity.tenant,
      sessionId: random.id(SESSION_ID_CHARS),
      subject: identity.subject,
      clientId: identity.clientId,
      createdAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      positions: {},
      holder: 1,
      nodeId: this.#options.nodeId,
      revision: 0,
    });
    return { session, isResumed: false, freshReason };
  }
}

interface SaveState {
  readonly current: Promise<void>;
  /** The one save that waits behind it; it takes in every change made until it starts. */
  next: Promise<void> | undefined;
}

function liveKey(tenant: string, sessionId: string): string {
  return `${tenant}\u0000${sessionId}`;
}
