/**
 * The store that the nodes of a world share: what the scripts of the Redis store do, on plain data. All of it can be copied at any
 * moment, and the copy put in its place later: then everything since is lost, as when a replica is promoted that was behind.
 *
 * Who serves after that is another server, so a new generation begins, and each log gets a fresh epoch when it is next touched.
 * A differential test holds it to the real Redis store.
 */
import type { Random } from "../../packages/server/src/core/ports.ts";
import type {
  AppendRequest,
  AppendResult,
  Lease,
  StoredSession,
  SweepRequest,
} from "../../packages/server/src/stores/store.ts";
import { CallerTime } from "./caller-time.ts";
import type { HintLine } from "./hint-line.ts";
import { LeaseCalls } from "./lease-calls.ts";
import { LogCalls } from "./log-calls.ts";
import { expireKeys, expireRecords, isIdle } from "./log-sim.ts";
import { RosterCalls } from "./roster-calls.ts";
import { SessionCalls } from "./session-calls.ts";
import { copyState, emptyState, type LeaseSim, type StoreState, servedBy } from "./store-state.ts";
import type { SyncStore } from "./sync-store.ts";

export interface StoreSimOptions {
  readonly random: Random;
  /** False for the store of a single process. */
  readonly isShared: boolean;
  /** The store's own clock, for leases and whatever goes by age. @default what the caller says */
  readonly nowMs?: () => number;
}

/** As the Redis store has it. */
const SHARED_APPEND_INTERVAL_MS = 45;

export class StoreSim {
  readonly isShared: boolean;
  readonly random: Random;
  readonly #nowMs: (() => number) | undefined;
  readonly #lines = new Set<HintLine>();
  readonly #logs = new LogCalls(this);
  readonly #sessions = new SessionCalls(this);
  readonly #leases = new LeaseCalls(this);
  readonly #rosters = new RosterCalls(this);
  #state = emptyState(0);
  #replica: StoreState | undefined;
  #backup: StoreState | undefined;

  constructor({ random, isShared, nowMs }: StoreSimOptions) {
    this.random = random;
    this.isShared = isShared;
    this.#nowMs = nowMs;
  }

  get state(): StoreState {
    return this.#state;
  }

  get isReplicaBehind(): boolean {
    return this.#replica !== undefined;
  }

  /** From here on the replica gets nothing more. */
  cutReplica(): void {
    this.#replica ??= copyState(this.#state);
  }

  /** The replica serves, with what it has. */
  promoteReplica(): void {
    this.#state = servedBy(this.#replica ?? this.#state, this.#state.generation + 1);
    this.#replica = undefined;
  }

  /** The same server comes again with everything it had; that it is the same nobody can prove. */
  restart(): void {
    this.#state = servedBy(this.#state, this.#state.generation + 1);
  }

  backUp(): void {
    this.#backup = copyState(this.#state);
  }

  /** What was backed up last takes the place of what there is, as the same store; does nothing where nothing was. */
  restoreBackup(): void {
    if (this.#backup !== undefined) this.#state = copyState(this.#backup);
  }

  /** A server that kept nothing. */
  restartEmpty(): void {
    this.#state = emptyState(this.#state.generation + 1);
    this.#replica = undefined;
  }

  /**
   * A node's way in. Hints of what the others do arrive on its line.
   *
   * @param hereMs the clock of the node: what it says of times counts from there
   */
  open(line: HintLine, hereMs: () => number): SyncStore {
    this.#lines.add(line);
    const time = new CallerTime(this.#nowMs, hereMs);
    return {
      kind: "sim",
      isShared: this.isShared,
      appendIntervalMs: this.isShared ? SHARED_APPEND_INTERVAL_MS : 0,
      ping: () => {},
      ...this.#logMethods(line, time),
      ...this.#sessionMethods(time),
      ...this.#leaseMethods(time),
      enroll: (request) => this.#rosters.enroll(request, time.now(request.nowMs)),
      strike: (roster, entry) => this.#rosters.strike(roster, entry),
      readRoster: (roster, nowMs) => this.#rosters.read(roster, time.now(nowMs)),
      strikeLease: (lease) => this.#rosters.strikeLease(lease),
      listen: (listener) => {
        line.listener = listener;
      },
      follow: (key) => line.follow(key),
      unfollow: (key) => line.unfollow(key),
      say: (key, note) => {
        for (const other of this.#lines) if (other !== line) other.note(key, note);
      },
      sweep: (request) => this.#sweep(request, time.now(request.nowMs)),
      close: () => {
        this.#lines.delete(line);
        line.close();
      },
    };
  }

  #logMethods(line: HintLine, time: CallerTime) {
    return {
      openLog: (key, nowMs) => this.#logs.open(key, time.now(nowMs)),
      append: (request) => this.#append(request, time.now(request.nowMs), line),
      read: (request) => this.#logs.read(request),
      logState: (key) => this.#logs.state(key),
      logStates: (keys) => keys.map((key) => this.#logs.state(key)),
      deleteLog: (key) => this.#logs.delete(key),
    } satisfies Partial<SyncStore>;
  }

  #append(request: AppendRequest, nowMs: number, from: HintLine): AppendResult {
    const result = this.#logs.append(request, nowMs);
    if (result.isDuplicate) return result;
    const { epoch, lastSeq: seq, tag } = result;
    for (const line of this.#lines) if (line !== from) line.head(request.key, { epoch, seq, tag });
    return result;
  }

  #sessionMethods(time: CallerTime) {
    const shown = (session: StoredSession): StoredSession => ({
      ...session,
      expiresAtMs: time.toCaller(session.expiresAtMs),
    });
    return {
      loadSession: (tenant, id) => {
        const session = this.#sessions.load(tenant, id);
        return session === undefined ? undefined : shown(session);
      },
      claimSession: (tenant, id, nodeId) => {
        const claim = this.#sessions.claim(tenant, id, nodeId);
        return claim === undefined ? undefined : { ...claim, session: shown(claim.session) };
      },
      saveSession: (session) =>
        this.#sessions.save({ ...session, expiresAtMs: time.fromCaller(session.expiresAtMs) }),
      deleteSession: (tenant, id) => this.#sessions.delete(tenant, id),
      claimReceipt: (key, receipt, expiresAtMs) =>
        this.#sessions.claimReceipt(key, receipt, time.fromCaller(expiresAtMs)),
      updateReceipt: (key, receipt) => this.#sessions.updateReceipt(key, receipt),
    } satisfies Partial<SyncStore>;
  }

  #leaseMethods(time: CallerTime) {
    const shown = ({ generation: _, ...lease }: LeaseSim, callerNowMs?: number): Lease => ({
      ...lease,
      expiresAtMs: time.toCaller(lease.expiresAtMs, callerNowMs),
    });
    return {
      acquireLease: (name, owner, ttlMs, nowMs, body) => {
        const lease = this.#leases.acquire({ name, owner, body }, ttlMs, time.now(nowMs));
        return lease === undefined ? undefined : shown(lease, nowMs);
      },
      findLease: (name) => {
        const lease = this.#leases.find(name);
        return lease === undefined ? undefined : shown(lease);
      },
      renewLease: (name, token, ttlMs, nowMs) => this.#leases.renew(name, token, time.now(nowMs) + ttlMs),
      releaseLease: (name, token) => this.#leases.release(name, token),
      expiredLeases: (prefix, nowMs, limit) =>
        this.#leases.expired(prefix, time.now(nowMs), limit).map((lease) => shown(lease, nowMs)),
    } satisfies Partial<SyncStore>;
  }

  #sweep({ idleLogMs, idempotencyMs }: SweepRequest, nowMs: number): { hasMore: boolean } {
    const { sessions, receipts, logs } = this.#state;
    for (const [id, { expiresAtMs }] of sessions) if (expiresAtMs <= nowMs) sessions.delete(id);
    for (const [id, { expiresAtMs }] of receipts) if (expiresAtMs <= nowMs) receipts.delete(id);
    for (const [id, log] of logs) {
      expireKeys(log, nowMs - idempotencyMs);
      expireRecords(log, nowMs);
      if (isIdle(log, nowMs - idleLogMs)) logs.delete(id);
    }
    return { hasMore: false };
  }
}
