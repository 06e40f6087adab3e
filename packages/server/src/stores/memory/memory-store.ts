import { TachikomaError } from "@tachikoma/protocol";
import type { Random } from "../../core/ports.ts";
import { assertAppendable } from "../append-check.ts";
import { compositeKey } from "../composite-key.ts";
import { fencedMessage } from "../fence.ts";
import type {
  AppendRequest,
  AppendResult,
  Lease,
  LogKey,
  LogState,
  ReadRequest,
  ReadResult,
  ReceiptKey,
  Store,
  StoredReceipt,
  StoredSession,
  SweepRequest,
  SweepResult,
} from "../store.ts";
import { ExpiringMap } from "./expiring-map.ts";
import { MemoryLeases } from "./memory-leases.ts";
import { MemoryLog } from "./memory-log.ts";

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
  return new MemoryStore(options.random);
}

class MemoryStore implements Store {
  readonly kind = "memory";
  readonly #random: Random;
  readonly #logs = new Map<string, MemoryLog>();
  readonly #leases = new MemoryLeases();
  readonly #sessions = new ExpiringMap<StoredSession>();
  readonly #receipts = new ExpiringMap<StoredReceipt>();

  constructor(random: Random) {
    this.#random = random;
  }

  async openLog(key: LogKey, nowMs: number): Promise<LogState> {
    return this.#openLog(key, nowMs).state;
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    assertAppendable(request);
    const { key, idempotencyKey, fence, nowMs } = request;
    const existing = this.#findLog(key);
    const earlier = idempotencyKey === undefined ? undefined : existing?.earlierAppend(idempotencyKey);
    if (earlier !== undefined) return earlier;
    if (fence !== undefined) {
      const currentToken = this.#leases.currentToken(fence);
      if (currentToken !== fence.token)
        throw new TachikomaError("FENCED", fencedMessage(fence, currentToken));
    }
    const log = existing ?? this.#openLog(key, nowMs);
    return log.append(request, this.#random.id(TAG_CHARS));
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    return this.#findLog(request.key)?.read(request);
  }

  async logState(key: LogKey): Promise<LogState | undefined> {
    return this.#findLog(key)?.state;
  }

  async deleteLog(key: LogKey): Promise<void> {
    this.#logs.delete(compositeKey(key.tenant, key.channel));
  }

  async loadSession(tenant: string, sessionId: string): Promise<StoredSession | undefined> {
    return this.#sessions.get(compositeKey(tenant, sessionId));
  }

  async saveSession(session: StoredSession): Promise<void> {
    const key = compositeKey(session.tenant, session.sessionId);
    // A copy, so that what the caller does with its object afterwards is not saved by accident.
    this.#sessions.set(key, { ...session, positions: { ...session.positions } }, session.expiresAtMs);
  }

  async deleteSession(tenant: string, sessionId: string): Promise<void> {
    this.#sessions.delete(compositeKey(tenant, sessionId));
  }

  async claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt> {
    const mapKey = receiptMapKey(key);
    const stored = this.#receipts.get(mapKey);
    if (stored !== undefined) return stored;
    const copy = { ...receipt };
    this.#receipts.set(mapKey, copy, expiresAtMs);
    return copy;
  }

  async updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void> {
    this.#receipts.replace(receiptMapKey(key), { ...receipt });
  }

  async acquireLease(
    name: string,
    owner: string,
    ttlMs: number,
    nowMs: number,
    body: string,
  ): Promise<Lease | undefined> {
    return this.#leases.acquire(name, owner, ttlMs, nowMs, body);
  }

  async renewLease(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean> {
    return this.#leases.renew(name, token, ttlMs, nowMs);
  }

  async releaseLease(name: string, token: number): Promise<void> {
    this.#leases.release(name, token);
  }

  async expiredLeases(prefix: string, nowMs: number, limit: number): Promise<readonly Lease[]> {
    return this.#leases.expired(prefix, nowMs, limit);
  }

  async sweep({ nowMs, idleLogMs, idempotencyMs }: SweepRequest): Promise<SweepResult> {
    let budget = MAX_SWEPT_PER_SLICE;
    budget -= this.#sessions.expire(nowMs, budget);
    budget -= this.#receipts.expire(nowMs, budget);
    for (const [mapKey, log] of this.#logs) {
      if (budget === 0) break;
      budget -= log.expireRecords(nowMs, budget);
      budget -= log.expireKeys(nowMs - idempotencyMs, budget);
      if (budget > 0 && log.isIdle(nowMs - idleLogMs)) {
        this.#logs.delete(mapKey);
        budget -= 1;
      }
    }
    return { hasMore: budget === 0 };
  }

  async close(): Promise<void> {}

  #findLog(key: LogKey): MemoryLog | undefined {
    return this.#logs.get(compositeKey(key.tenant, key.channel));
  }

  #openLog(key: LogKey, nowMs: number): MemoryLog {
    const mapKey = compositeKey(key.tenant, key.channel);
    const existing = this.#logs.get(mapKey);
    if (existing !== undefined) return existing;
    const log = new MemoryLog(this.#random.id(EPOCH_CHARS), nowMs);
    this.#logs.set(mapKey, log);
    return log;
  }
}

function receiptMapKey(key: ReceiptKey): string {
  return compositeKey(key.tenant, key.clientId, key.commandId);
}
