/**
 * The store that the nodes of a world share: what the scripts of the Redis store do, on plain data. All of it can be copied at any
 * moment, and the copy put in its place later: then everything since is lost, as when a replica is promoted that was behind.
 *
 * Who serves after that is another server, so a new generation begins, and each log gets a fresh epoch when it is next touched.
 * A differential test holds it to the real Redis store.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Random } from "../../packages/server/src/core/ports.ts";
import { assertAppendable } from "../../packages/server/src/stores/append-check.ts";
import { fencedMessage, staleWriteMessage } from "../../packages/server/src/stores/fence.ts";
import { claimed, writeOutcome } from "../../packages/server/src/stores/session-holder.ts";
import type {
  AppendRequest,
  AppendResult,
  ClaimedSession,
  EnrollRequest,
  Fence,
  Lease,
  LogKey,
  LogState,
  ReadRequest,
  ReadResult,
  ReceiptKey,
  RosterEntry,
  RosterKey,
  RosterState,
  StoredReceipt,
  StoredSession,
  SweepRequest,
} from "../../packages/server/src/stores/store.ts";
import type { HintLine } from "./hint-line.ts";
import {
  appendTo,
  copyLog,
  earlierAppend,
  emptyLog,
  expireKeys,
  expireRecords,
  isIdle,
  type LogSim,
  logState,
  readFrom,
  renewed,
} from "./log-sim.ts";
import type { SyncStore } from "./sync-store.ts";

interface Expiring<Value> {
  readonly value: Value;
  readonly expiresAtMs: number;
}

interface RosterSim {
  readonly key: RosterKey;
  readonly version: number;
  readonly entries: ReadonlyMap<string, RosterEntry>;
}

interface LeaseSim extends Lease {
  /** Of the store, when it was taken. */
  readonly generation: number;
}

interface LastWrite {
  readonly number: number;
  readonly result: AppendResult;
}

/** Everything that a server of the store holds. Values are replaced, not changed, except for those of logs. */
export interface StoreState {
  generation: number;
  lastToken: number;
  lastVersion: number;
  readonly logs: Map<string, LogSim>;
  readonly leases: Map<string, LeaseSim>;
  readonly lastWrites: Map<string, LastWrite>;
  readonly sessions: Map<string, StoredSession>;
  readonly receipts: Map<string, Expiring<StoredReceipt>>;
  readonly rosters: Map<string, RosterSim>;
}

/** As the Redis store has it. */
const SHARED_APPEND_INTERVAL_MS = 40;
const EPOCH_CHARS = 6;
const TAG_CHARS = 5;
/** Higher than any token that the lost tail can have given away. */
const TOKENS_PER_GENERATION = 1_000_000;

export interface StoreSimOptions {
  readonly random: Random;
  /** False for the store of a single process. */
  readonly isShared: boolean;
  /** The store's own clock, for leases and whatever goes by age. @default what the caller says */
  readonly nowMs?: () => number;
}

export class StoreSim {
  readonly isShared: boolean;
  readonly #random: Random;
  readonly #nowMs: (() => number) | undefined;
  readonly #lines = new Set<HintLine>();
  #state = emptyState();
  #replica: StoreState | undefined;

  constructor({ random, isShared, nowMs }: StoreSimOptions) {
    this.#random = random;
    this.isShared = isShared;
    this.#nowMs = nowMs;
  }

  get state(): Readonly<StoreState> {
    return this.#state;
  }

  get isReplicaBehind(): boolean {
    return this.#replica !== undefined;
  }

  /** From here on the replica gets nothing more. */
  cutReplica(): void {
    this.#replica ??= this.#copy();
  }

  /** The replica serves, with what it has. */
  promoteReplica(): void {
    this.#serve(this.#replica ?? this.#state);
    this.#replica = undefined;
  }

  /** The same server comes again with everything it had; that it is the same nobody can prove. */
  restart(): void {
    this.#serve(this.#state);
  }

  /** A server that kept nothing. */
  restartEmpty(): void {
    this.#serve(emptyState());
    this.#replica = undefined;
  }

  #copy(): StoreState {
    const { logs, leases, lastWrites, sessions, receipts, rosters, ...counters } = this.#state;
    return {
      ...counters,
      logs: new Map([...logs].map(([key, log]) => [key, copyLog(log)])),
      leases: new Map(leases),
      lastWrites: new Map(lastWrites),
      sessions: new Map(sessions),
      receipts: new Map(receipts),
      rosters: new Map(rosters),
    };
  }

  #serve(state: StoreState): void {
    const { generation, lastToken } = this.#state;
    this.#state = { ...state, generation: generation + 1, lastToken: lastToken + TOKENS_PER_GENERATION };
  }

  /** A node's way in. Hints of what the others do arrive on its line. */
  open(line: HintLine): SyncStore {
    this.#lines.add(line);
    return {
      kind: "sim",
      isShared: this.isShared,
      appendIntervalMs: this.isShared ? SHARED_APPEND_INTERVAL_MS : 0,
      ping: () => {},
      openLog: (key, nowMs) => logState(this.#openLog(key, this.#time(nowMs))),
      append: (request) => this.#append(request, line),
      read: (request) => this.#read(request),
      logState: (key) => this.#logState(key),
      logStates: (keys) => keys.map((key) => this.#logState(key)),
      deleteLog: (key) => {
        this.#state.logs.delete(logId(key));
      },
      loadSession: (tenant, id) => this.#state.sessions.get(join(tenant, id)),
      claimSession: (tenant, id, nodeId) => this.#claimSession(tenant, id, nodeId),
      saveSession: (session) => this.#saveSession(session),
      deleteSession: (tenant, id) => {
        this.#state.sessions.delete(join(tenant, id));
      },
      claimReceipt: (key, receipt, expiresAtMs) => this.#claimReceipt(key, receipt, expiresAtMs),
      updateReceipt: (key, receipt) => this.#updateReceipt(key, receipt),
      acquireLease: (name, owner, ttlMs, nowMs, body) =>
        this.#acquireLease({ name, owner, body }, ttlMs, this.#time(nowMs)),
      findLease: (name) => this.#findLease(name),
      renewLease: (name, token, ttlMs, nowMs) => this.#renewLease(name, token, this.#time(nowMs) + ttlMs),
      releaseLease: (name, token) => this.#releaseLease(name, token),
      expiredLeases: (prefix, nowMs, limit) => this.#expiredLeases(prefix, this.#time(nowMs), limit),
      enroll: (request) => this.#enroll(request, this.#time(request.nowMs)),
      strike: (roster, entry) => this.#strike(roster, entry),
      readRoster: (roster, nowMs) => this.#readRoster(roster, this.#time(nowMs)),
      strikeLease: (lease) => this.#strikeLease(lease),
      listen: (listener) => {
        line.listener = listener;
      },
      follow: (key) => line.follow(key),
      unfollow: (key) => line.unfollow(key),
      say: (key, note) => {
        for (const other of this.#lines) if (other !== line) other.note(key, note);
      },
      sweep: (request) => this.#sweep(request, this.#time(request.nowMs)),
      close: () => {
        this.#lines.delete(line);
        line.close();
      },
    };
  }

  #time(callerMs: number): number {
    return this.#nowMs?.() ?? callerMs;
  }

  #append(request: AppendRequest, from: HintLine): AppendResult {
    assertAppendable(request);
    const { key, idempotencyKey, fence } = request;
    const nowMs = this.#time(request.nowMs);
    const existing = this.#touch(key);
    const earlier = existing === undefined ? undefined : earlierAppend(existing, idempotencyKey);
    if (earlier !== undefined) return earlier;
    const earlierWrite = fence === undefined ? undefined : this.#earlierWrite(fence);
    if (earlierWrite !== undefined) return earlierWrite;
    const log = existing ?? this.#openLog(key, nowMs);
    const result = appendTo(log, request, this.#random.id(TAG_CHARS), nowMs);
    if (fence?.write !== undefined) this.#state.lastWrites.set(fence.lease, { number: fence.write, result });
    const { head } = logState(log);
    for (const line of this.#lines) if (line !== from) line.head(key, head);
    return result;
  }

  #read(request: ReadRequest): ReadResult | undefined {
    const log = this.#touch(request.key);
    return log === undefined ? undefined : readFrom(log, request);
  }

  #logState(key: LogKey): LogState | undefined {
    const log = this.#touch(key);
    return log === undefined ? undefined : logState(log);
  }

  /** The log as it is in this generation. */
  #touch(key: LogKey): LogSim | undefined {
    const { logs, generation } = this.#state;
    const log = logs.get(logId(key));
    if (log === undefined || log.generation === generation) return log;
    const fresh = renewed(log, this.#random.id(EPOCH_CHARS), generation);
    logs.set(logId(key), fresh);
    return fresh;
  }

  #openLog(key: LogKey, nowMs: number): LogSim {
    const existing = this.#touch(key);
    if (existing !== undefined) return existing;
    const log = emptyLog(this.#random.id(EPOCH_CHARS), this.#state.generation, nowMs);
    this.#state.logs.set(logId(key), log);
    return log;
  }

  #earlierWrite(fence: Fence): AppendResult | undefined {
    const token = this.#state.leases.get(fence.lease)?.token;
    if (token !== fence.token) throw new TachikomaError("FENCED", fencedMessage(fence, token));
    const last = this.#state.lastWrites.get(fence.lease);
    if (fence.write === undefined || last === undefined || fence.write > last.number) return undefined;
    if (fence.write < last.number) throw new TachikomaError("FENCED", staleWriteMessage(fence, last.number));
    return { ...last.result, isDuplicate: true };
  }

  #claimSession(tenant: string, sessionId: string, nodeId: string): ClaimedSession | undefined {
    const id = join(tenant, sessionId);
    const stored = this.#state.sessions.get(id);
    if (stored === undefined) return undefined;
    const session = claimed(stored, nodeId);
    this.#state.sessions.set(id, session);
    return { session, previousNodeId: stored.nodeId };
  }

  #saveSession(session: StoredSession): boolean {
    const id = join(session.tenant, session.sessionId);
    const outcome = writeOutcome(session, this.#state.sessions.get(id));
    if (outcome === "newer")
      this.#state.sessions.set(id, { ...session, positions: { ...session.positions } });
    return outcome !== "taken";
  }

  #claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): StoredReceipt {
    const id = receiptId(key);
    const stored = this.#state.receipts.get(id);
    if (stored !== undefined) return stored.value;
    this.#state.receipts.set(id, { value: { ...receipt }, expiresAtMs });
    return receipt;
  }

  #updateReceipt(key: ReceiptKey, receipt: StoredReceipt): void {
    const id = receiptId(key);
    const stored = this.#state.receipts.get(id);
    if (stored !== undefined) this.#state.receipts.set(id, { ...stored, value: { ...receipt } });
  }

  #acquireLease(wanted: Pick<Lease, "name" | "owner" | "body">, ttlMs: number, nowMs: number) {
    if (this.#isLive(wanted.name, nowMs)) return undefined;
    this.#state.lastToken += 1;
    const { lastToken: token, generation } = this.#state;
    const lease: Lease = { ...wanted, token, expiresAtMs: nowMs + ttlMs };
    this.#state.leases.set(lease.name, { ...lease, generation });
    this.#state.lastWrites.delete(lease.name);
    return lease;
  }

  #renewLease(name: string, token: number, expiresAtMs: number): boolean {
    const lease = this.#state.leases.get(name);
    if (lease?.token !== token) return false;
    this.#state.leases.set(name, { ...lease, expiresAtMs });
    return true;
  }

  #releaseLease(name: string, token: number): void {
    const lease = this.#state.leases.get(name);
    // What was written under it before a failover may be lost: it has to be found by whoever looks for what has no end.
    if (lease?.token !== token || lease.generation !== this.#state.generation) return;
    this.#state.leases.delete(name);
    this.#state.lastWrites.delete(name);
  }

  #findLease(name: string): Lease | undefined {
    const lease = this.#state.leases.get(name);
    return lease === undefined ? undefined : shown(lease);
  }

  #expiredLeases(prefix: string, nowMs: number, limit: number): Lease[] {
    return [...this.#state.leases.values()]
      .filter((lease) => lease.expiresAtMs <= nowMs && lease.name.startsWith(prefix))
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      .slice(0, limit)
      .map(shown);
  }

  #isLive(lease: string, nowMs: number): boolean {
    const found = this.#state.leases.get(lease);
    return found !== undefined && found.expiresAtMs > nowMs;
  }

  #enroll({ roster: key, entry, maxEntries }: EnrollRequest, nowMs: number): number | undefined {
    const entries = this.#state.rosters.get(rosterId(key))?.entries ?? new Map<string, RosterEntry>();
    if (maxEntries !== undefined) {
      const others = [...entries.values()].filter(
        ({ id, lease }) => id !== entry.id && this.#isLive(lease, nowMs),
      );
      if (others.length >= maxEntries) return undefined;
    }
    return this.#changeRoster(key, new Map(entries).set(entry.id, { ...entry }));
  }

  #strike(key: RosterKey, { id, lease, value }: RosterEntry): number | undefined {
    const entries = new Map(this.#state.rosters.get(rosterId(key))?.entries);
    const entry = entries.get(id);
    if (entry?.lease !== lease || entry.value !== value) return undefined;
    entries.delete(id);
    return this.#changeRoster(key, entries);
  }

  #readRoster(key: RosterKey, nowMs: number): RosterState {
    const roster = this.#state.rosters.get(rosterId(key));
    if (roster === undefined) return { version: 0, entries: [] };
    const entries = [...roster.entries.values()].filter(({ lease }) => this.#isLive(lease, nowMs));
    return { version: roster.version, entries };
  }

  #strikeLease(lease: string): RosterKey[] {
    const changed: RosterKey[] = [];
    for (const { key, entries } of [...this.#state.rosters.values()]) {
      const left = new Map([...entries].filter(([, entry]) => entry.lease !== lease));
      if (left.size === entries.size) continue;
      this.#changeRoster(key, left);
      changed.push(key);
    }
    return changed;
  }

  #changeRoster(key: RosterKey, entries: ReadonlyMap<string, RosterEntry>): number {
    const id = rosterId(key);
    const version = this.#state.rosters.get(id)?.version;
    this.#state.lastVersion = Math.max(this.#state.lastVersion, version ?? 0) + 1;
    const next = version === undefined ? this.#state.lastVersion : version + 1;
    if (entries.size === 0) this.#state.rosters.delete(id);
    else this.#state.rosters.set(id, { key, version: next, entries });
    return next;
  }

  #sweep({ idleLogMs, idempotencyMs }: SweepRequest, nowMs: number): { hasMore: boolean } {
    const { sessions, receipts, logs } = this.#state;
    for (const [id, { expiresAtMs }] of sessions) if (expiresAtMs <= nowMs) sessions.delete(id);
    for (const [id, { expiresAtMs }] of receipts) if (expiresAtMs <= nowMs) receipts.delete(id);
    for (const [id, log] of logs) {
      expireRecords(log, nowMs);
      expireKeys(log, nowMs - idempotencyMs);
      if (isIdle(log, nowMs - idleLogMs)) logs.delete(id);
    }
    return { hasMore: false };
  }
}

function emptyState(): StoreState {
  return {
    generation: 0,
    lastToken: 0,
    lastVersion: 0,
    logs: new Map(),
    leases: new Map(),
    lastWrites: new Map(),
    sessions: new Map(),
    receipts: new Map(),
    rosters: new Map(),
  };
}

function shown({ generation: _, ...lease }: LeaseSim): Lease {
  return lease;
}

/** No name of a simulation has the separator in it. */
function join(...names: readonly string[]): string {
  return names.join("\n");
}

export function logId({ tenant, channel }: LogKey): string {
  return `${tenant}\n${channel}`;
}

function rosterId({ tenant, kind, name }: RosterKey): string {
  return join(tenant, kind, name);
}

function receiptId({ tenant, clientId, commandId }: ReceiptKey): string {
  return join(tenant, clientId, commandId);
}
