import { TachikomaError } from "@tachikoma/protocol";
import type { Random } from "../../core/ports.ts";
import { assertAppendable } from "../append-check.ts";
import { compositeKey } from "../composite-key.ts";
import { headFault } from "../head-fault.ts";
import { claimed, writeOutcome } from "../session-holder.ts";
import type {
  AppendRequest,
  AppendResult,
  ClaimedSession,
  EnrollRequest,
  HintListener,
  Lease,
  LogKey,
  LogState,
  ReadRequest,
  ReadResult,
  ReceiptKey,
  RosterEntry,
  RosterKey,
  RosterState,
  Store,
  StoredReceipt,
  StoredSession,
  SweepRequest,
  SweepResult,
} from "../store.ts";
import { ExpiringMap } from "./expiring-map.ts";
import { MemoryFollower, MemoryHints } from "./memory-hints.ts";
import { MemoryLeases } from "./memory-leases.ts";
import { MemoryLog } from "./memory-log.ts";
import { MemoryRosters } from "./memory-rosters.ts";

const EPOCH_CHARS = 6;
const TAG_CHARS = 5;
const MAX_SWEPT_PER_SLICE = 1000;

/**
 * A store whose truth is the process memory: for tests, simulations and servers that need to survive nothing. What it holds
 * belongs to the store object alone: a server that goes away leaves it as it was, and `close` forgets nothing.
 *
 * @example
 * const store = createMemoryStore({ random });
 */
export function createMemoryStore(options: { readonly random: Random }): Store {
  return new MemoryStore(new SharedMemory(options.random), false);
}

/** A memory that several nodes of this process work with: each opens a store of its own on it. */
export class SharedMemory {
  readonly random: Random;
  readonly logs = new Map<string, MemoryLog>();
  readonly leases = new MemoryLeases();
  readonly sessions = new ExpiringMap<StoredSession>();
  readonly receipts = new ExpiringMap<StoredReceipt>();
  readonly rosters = new MemoryRosters({ isLive: (lease, nowMs) => this.leases.isLive(lease, nowMs) });
  readonly hints = new MemoryHints();

  constructor(random: Random) {
    this.random = random;
  }

  open(): Store {
    return new MemoryStore(this, true);
  }
}

class MemoryStore implements Store {
  readonly kind = "memory";
  readonly isShared: boolean;
  readonly appendIntervalMs = 0;
  readonly #memory: SharedMemory;
  readonly #follower = new MemoryFollower();

  constructor(memory: SharedMemory, isShared: boolean) {
    this.#memory = memory;
    this.isShared = isShared;
    memory.hints.join(this.#follower);
  }

  async ping(): Promise<void> {}

  async openLog(key: LogKey, nowMs: number): Promise<LogState> {
    return this.#openLog(key, nowMs).state;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    assertAppendable(request);
    const { key, idempotencyKey, fence, expectedHead, nowMs } = request;
    const { leases, random, hints } = this.#memory;
    const existing = this.#findLog(key);
    const earlier = idempotencyKey === undefined ? undefined : existing?.earlierAppend(idempotencyKey);
    if (earlier !== undefined) return earlier;
    const earlierWrite = fence === undefined ? undefined : leases.earlierWrite(fence);
    if (earlierWrite !== undefined) return earlierWrite;
    const moved = expectedHead && headFault(expectedHead, existing?.state.head);
    if (moved !== undefined) throw new TachikomaError("HEAD_MOVED", moved);
    const log = existing ?? this.#openLog(key, nowMs);
    const result = log.append(request, random.id(TAG_CHARS));
    if (fence !== undefined) leases.noteWrite(fence, result);
    hints.head(this.#follower, key, log.state);
    return result;
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    return this.#findLog(request.key)?.read(request);
  }

  async logState(key: LogKey): Promise<LogState | undefined> {
    return this.#findLog(key)?.state;
  }

  async logStates(keys: readonly LogKey[]): Promise<readonly (LogState | undefined)[]> {
    return keys.map((key) => this.#findLog(key)?.state);
  }

  async deleteLog(key: LogKey): Promise<void> {
    this.#memory.logs.delete(memoryLogId(key));
  }

  async loadSession(tenant: string, sessionId: string): Promise<StoredSession | undefined> {
    return this.#memory.sessions.get(compositeKey(tenant, sessionId));
  }

  async claimSession(tenant: string, sessionId: string, nodeId: string): Promise<ClaimedSession | undefined> {
    const key = compositeKey(tenant, sessionId);
    const stored = this.#memory.sessions.get(key);
    if (stored === undefined) return undefined;
    const session = claimed(stored, nodeId);
    this.#memory.sessions.set(key, session, session.expiresAtMs);
    return { session, previousHolder: stored.holder, previousNodeId: stored.nodeId };
  }

  async saveSession(session: StoredSession): Promise<boolean> {
    const key = compositeKey(session.tenant, session.sessionId);
    const outcome = writeOutcome(session, this.#memory.sessions.get(key));
    // A copy, so that what the caller does with its object afterwards is not saved by accident.
    if (outcome === "newer")
      this.#memory.sessions.set(
        key,
        { ...session, positions: { ...session.positions } },
        session.expiresAtMs,
      );
    return outcome !== "taken";
  }

  async deleteSession(tenant: string, sessionId: string): Promise<void> {
    this.#memory.sessions.delete(compositeKey(tenant, sessionId));
  }

  async claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt> {
    const mapKey = receiptMapKey(key);
    const stored = this.#memory.receipts.get(mapKey);
    if (stored !== undefined) return stored;
    const copy = { ...receipt };
    this.#memory.receipts.set(mapKey, copy, expiresAtMs);
    return copy;
  }

  async updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void> {
    this.#memory.receipts.replace(receiptMapKey(key), { ...receipt });
  }

  async acquireLease(
    name: string,
    owner: string,
    ttlMs: number,
    nowMs: number,
    body: string,
  ): Promise<Lease | undefined> {
    return this.#memory.leases.acquire(name, owner, ttlMs, nowMs, body);
  }

  async findLease(name: string): Promise<Lease | undefined> {
    return this.#memory.leases.find(name);
  }

  async renewLease(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean> {
    return this.#memory.leases.renew(name, token, ttlMs, nowMs);
  }

  async releaseLease(name: string, token: number): Promise<void> {
    this.#memory.leases.release(name, token);
  }

  async expiredLeases(prefix: string, nowMs: number, limit: number): Promise<readonly Lease[]> {
    return this.#memory.leases.expired(prefix, nowMs, limit);
  }

  async enroll(request: EnrollRequest): Promise<number | undefined> {
    return this.#memory.rosters.enroll(request);
  }

  async strike(roster: RosterKey, entry: RosterEntry): Promise<number | undefined> {
    return this.#memory.rosters.strike(roster, entry);
  }

  async readRoster(roster: RosterKey, nowMs: number): Promise<RosterState> {
    return this.#memory.rosters.read(roster, nowMs);
  }

  async strikeLease(lease: string): Promise<readonly RosterKey[]> {
    return this.#memory.rosters.strikeLease(lease);
  }

  listen(listener: HintListener): void {
    this.#follower.listener = listener;
  }

  async follow(key: LogKey): Promise<void> {
    this.#follower.followed.add(memoryLogId(key));
  }

  unfollow(key: LogKey): void {
    this.#follower.followed.delete(memoryLogId(key));
  }

  say(key: LogKey, note: string): void {
    this.#memory.hints.note(this.#follower, key, note);
  }

  async sweep({ nowMs, idleLogMs, idempotencyMs }: SweepRequest): Promise<SweepResult> {
    const { sessions, receipts, logs } = this.#memory;
    let budget = MAX_SWEPT_PER_SLICE;
    budget -= sessions.expire(nowMs, budget);
    budget -= receipts.expire(nowMs, budget);
    for (const [mapKey, log] of logs) {
      if (budget === 0) break;
      budget -= log.expireRecords(nowMs, budget);
      budget -= log.expireKeys(nowMs - idempotencyMs, budget);
      if (budget > 0 && log.isIdle(nowMs - idleLogMs)) {
        logs.delete(mapKey);
        budget -= 1;
      }
    }
    return { hasMore: budget === 0 };
  }

  async close(): Promise<void> {
    this.#memory.hints.leave(this.#follower);
  }

  #findLog(key: LogKey): MemoryLog | undefined {
    return this.#memory.logs.get(memoryLogId(key));
  }

  #openLog(key: LogKey, nowMs: number): MemoryLog {
    const mapKey = memoryLogId(key);
    const existing = this.#memory.logs.get(mapKey);
    if (existing !== undefined) return existing;
    const log = new MemoryLog(this.#memory.random.id(EPOCH_CHARS), nowMs);
    this.#memory.logs.set(mapKey, log);
    return log;
  }
}

/** Key of a log in `SharedMemory.logs`. */
export function memoryLogId({ tenant, channel }: LogKey): string {
  return compositeKey(tenant, channel);
}

function receiptMapKey(key: ReceiptKey): string {
  return compositeKey(key.tenant, key.clientId, key.commandId);
}
