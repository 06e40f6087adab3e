import { resolve } from "node:path";
import { ORIGIN_TAG, TachikomaError } from "@tachikoma/protocol";
import type { Logger, Random } from "../../core/ports.ts";
import { assertAppendable } from "../append-check.ts";
import { MemoryRosters } from "../memory/memory-rosters.ts";
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
import type { CommitQueue } from "./commit-queue.ts";
import { DatabaseThread } from "./database-thread.ts";
import { LiveLeases } from "./live-leases.ts";
import type { NodesElsewhere } from "./node-state.ts";
import type { Durability, Reads, Writes } from "./sqlite-call.ts";
import { unpackRecords } from "./sqlite-piece.ts";

const EPOCH_CHARS = 6;
const TAG_CHARS = 5;
const BUSY_GROUP_SIZE = 4;
const BUSY_APPEND_INTERVAL_MS = 40;
/** What a call weighs besides its content. */
const CALL_OVERHEAD_BYTES = 256;

export interface SqliteStoreOptions {
  /** The database file. Missing folders are made. A second file, `PATH.lock`, stands beside it. */
  readonly path: string;
  readonly random: Random;
  readonly logger?: Logger;
  /**
   * What a resolved promise survives. `power-loss` syncs the disk with every commit. `process-crash` leaves that to the
   * operating system: faster, and after a power loss every log starts a new epoch.
   * @default "power-loss"
   */
  readonly durability?: Durability;
  /** How long to wait for another process to let go of the database, in milliseconds. @default 500 */
  readonly lockTimeoutMs?: number;
  /** Size at which the database refuses to grow, in bytes. @default 1 TiB */
  readonly maxFileBytes?: number;
  /**
   * Whether nodes in other processes work with this store, through a `StoreServer`. It then keeps in the file what otherwise ends
   * with its one node. `new` forgets who worked with the file before: their leases have expired.
   * @default "none"
   */
  readonly nodesElsewhere?: NodesElsewhere;
  /** The thread of the database has died: every call is refused from now on. */
  readonly onDied?: () => void;
  /** Calls that may wait before more are refused. @default 100000 */
  readonly maxQueuedCalls?: number;
  /** Content that may wait before more is refused, in bytes. @default 64 MiB */
  readonly maxQueuedBytes?: number;
}

/**
 * Opens the database, which then belongs to this store until it is closed or its process ends.
 *
 * Rejects with `STORE_UNAVAILABLE` when another process has it or it is damaged, and with `CONFIG_INVALID` when the path
 * cannot be used or the file was written by a newer server or another application.
 *
 * @example
 * const store = await openSqliteStore({ path: "data/tachikoma.db", random });
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { random, logger, path } = options;
  if (path === "") throw new TachikomaError("CONFIG_INVALID", "The path of the database is empty");
  const settings = {
    path: resolve(path),
    durability: options.durability ?? "power-loss",
    lockTimeoutMs: options.lockTimeoutMs ?? 500,
    maxFileBytes: options.maxFileBytes ?? 2 ** 40,
    freshEpoch: random.id(EPOCH_CHARS),
    originTag: ORIGIN_TAG,
    nodesElsewhere: options.nodesElsewhere ?? "none",
  };
  const limits = {
    maxQueuedCalls: options.maxQueuedCalls ?? 100_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
  };
  const thread = new DatabaseThread(settings, limits, { logger, onDied: options.onDied });
  await thread.ready();
  return new SqliteStore(thread, random, settings.nodesElsewhere !== "none");
}

type Answer<Value> = Value | Promise<Value>;

interface Rosters {
  enroll(request: EnrollRequest): Answer<number | undefined>;
  strike(roster: RosterKey, entry: RosterEntry): Answer<number | undefined>;
  read(roster: RosterKey, nowMs: number): Answer<RosterState>;
  strikeLease(lease: string): Answer<readonly RosterKey[]>;
}

class SqliteStore implements Store {
  readonly kind = "sqlite";
  readonly isShared = false;
  readonly #leases = new LiveLeases();
  readonly #rosters: Rosters;
  readonly #thread: DatabaseThread;
  readonly #queue: CommitQueue;
  readonly #random: Random;

  constructor(thread: DatabaseThread, random: Random, keepsNodeState: boolean) {
    this.#thread = thread;
    this.#queue = thread.queue;
    this.#random = random;
    this.#rosters = keepsNodeState ? this.#rostersInFile() : this.#rostersInMemory();
  }

  /** A commit costs the same for one append as for many: where many come anyway they are brought together. */
  get appendIntervalMs(): number {
    return this.#queue.groupSize < BUSY_GROUP_SIZE ? 0 : BUSY_APPEND_INTERVAL_MS;
  }

  async ping(): Promise<void> {
    // Trying it is the only way to see that a full disk has room again.
    if (this.#thread.canWrite) await this.#read("tryToRead", []);
    else await this.#write("tryToWrite", []);
  }

  async openLog(key: LogKey, nowMs: number): Promise<LogState> {
    return this.#write("openLog", [key, this.#random.id(EPOCH_CHARS), nowMs]);
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    assertAppendable(request);
    // One roll for both: most appends need no epoch.
    const nonce = this.#random.id(TAG_CHARS + EPOCH_CHARS);
    return this.#write(
      "append",
      [request, nonce.slice(0, TAG_CHARS), nonce.slice(TAG_CHARS)],
      contentBytes(request),
    );
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    const found = await this.#read("read", [request]);
    if (found === undefined) return undefined;
    const { state, packed } = found;
    if (packed === undefined) return { state, records: [] };
    return { state, records: unpackRecords(packed, request.afterSeq, request.maxRecords, request.maxBytes) };
  }

  async logState(key: LogKey): Promise<LogState | undefined> {
    return this.#read("logState", [key]);
  }

  async logStates(keys: readonly LogKey[]): Promise<readonly (LogState | undefined)[]> {
    return this.#read("logStates", [[...keys]]);
  }

  async deleteLog(key: LogKey): Promise<void> {
    return this.#write("deleteLog", [key]);
  }

  async loadSession(tenant: string, sessionId: string): Promise<StoredSession | undefined> {
    return this.#read("loadSession", [tenant, sessionId]);
  }

  async claimSession(tenant: string, sessionId: string, nodeId: string): Promise<ClaimedSession | undefined> {
    return this.#write("claimSession", [tenant, sessionId, nodeId]);
  }

  async saveSession(session: StoredSession): Promise<boolean> {
    // A copy, because the caller may change its object before a batch leaves.
    return this.#write("saveSession", [{ ...session, positions: { ...session.positions } }]);
  }

  async deleteSession(tenant: string, sessionId: string): Promise<void> {
    return this.#write("deleteSession", [tenant, sessionId]);
  }

  async claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt> {
    return this.#write("claimReceipt", [key, receipt, expiresAtMs]);
  }

  async updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void> {
    return this.#write("updateReceipt", [key, receipt]);
  }

  async acquireLease(
    name: string,
    owner: string,
    ttlMs: number,
    nowMs: number,
    body: string,
  ): Promise<Lease | undefined> {
    const lease = await this.#write("acquireLease", [name, owner, ttlMs, nowMs, body], body.length);
    if (lease !== undefined) this.#leases.taken(lease, nowMs);
    return lease;
  }

  async findLease(name: string): Promise<Lease | undefined> {
    return this.#read("findLease", [name]);
  }

  async renewLease(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean> {
    const isRenewed = await this.#write("renewLease", [name, token, ttlMs, nowMs]);
    if (isRenewed) this.#leases.renewed(name, token, nowMs + ttlMs);
    return isRenewed;
  }

  async releaseLease(name: string, token: number): Promise<void> {
    await this.#write("releaseLease", [name, token]);
    this.#leases.released(name, token);
  }

  async expiredLeases(prefix: string, nowMs: number, limit: number): Promise<readonly Lease[]> {
    return this.#read("expiredLeases", [prefix, nowMs, limit]);
  }

  async enroll(request: EnrollRequest): Promise<number | undefined> {
    return this.#rosters.enroll(request);
  }

  async strike(roster: RosterKey, entry: RosterEntry): Promise<number | undefined> {
    return this.#rosters.strike(roster, entry);
  }

  async readRoster(roster: RosterKey, nowMs: number): Promise<RosterState> {
    return this.#rosters.read(roster, nowMs);
  }

  async strikeLease(lease: string): Promise<readonly RosterKey[]> {
    return this.#rosters.strikeLease(lease);
  }

  // A file has one owner: there is nobody who could say anything.
  listen(_listener: HintListener): void {}

  async follow(_key: LogKey): Promise<void> {}

  unfollow(_key: LogKey): void {}

  say(_key: LogKey, _note: string): void {}

  async sweep(request: SweepRequest): Promise<SweepResult> {
    return this.#write("sweep", [request]);
  }

  async close(): Promise<void> {
    return this.#thread.close();
  }

  /** What is vouched for ends with its process, as does the one node that can have the file. */
  #rostersInMemory(): Rosters {
    return new MemoryRosters({ isLive: (lease, nowMs) => this.#leases.isLive(lease, nowMs) });
  }

  #rostersInFile(): Rosters {
    return {
      enroll: (request) => this.#write("enroll", [request], request.entry.value.length),
      strike: (roster, entry) => this.#write("strike", [roster, entry]),
      read: (roster, nowMs) => this.#read("readRoster", [roster, nowMs]),
      strikeLease: (lease) => this.#write("strikeLease", [lease]),
    };
  }

  #write<Name extends keyof Writes>(
    name: Name,
    args: Parameters<Writes[Name]>,
    byteCount = 0,
  ): Promise<ReturnType<Writes[Name]>> {
    const call = { name, args } as Parameters<CommitQueue["write"]>[0];
    return this.#queue.write(call, byteCount + CALL_OVERHEAD_BYTES) as Promise<ReturnType<Writes[Name]>>;
  }

  #read<Name extends keyof Reads>(
    name: Name,
    args: Parameters<Reads[Name]>,
  ): Promise<ReturnType<Reads[Name]>> {
    const call = { name, args } as Parameters<CommitQueue["read"]>[0];
    return this.#queue.read(call) as Promise<ReturnType<Reads[Name]>>;
  }
}

/** In characters: near enough for a bound on memory, and free. */
function contentBytes({ records }: AppendRequest): number {
  return records.reduce((sum, { body }) => sum + body.length, 0);
}
