import type { Clock, Logger, Random, Timer } from "../../core/ports.ts";
import { systemClock } from "../../platform/system-clock.ts";
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
import { FaultLog } from "./fault-log.ts";
import { parseRedisUrl } from "./redis-address.ts";
import { noteMessage, RedisHints } from "./redis-hints.ts";
import { RedisLeases } from "./redis-leases.ts";
import { RedisLink } from "./redis-link.ts";
import { RedisLogs } from "./redis-logs.ts";
import { RedisNames } from "./redis-names.ts";
import { RedisRosters } from "./redis-rosters.ts";
import { RedisSessions } from "./redis-sessions.ts";
import { RedisSweeper } from "./redis-sweep.ts";
import type { RedisDurability } from "./server-check.ts";
import { StoreTime, type TimeSource } from "./store-time.ts";

const NONCE_CHARS = 10;
/** How often both connections are looked after. */
const PROBE_INTERVAL_MS = 2_000;

/** What a store reports while it works. */
export interface RedisStoreObserver {
  /** A hint needs this long from this node through Redis and back. */
  wakeUpArrived?(lagMs: number): void;
  /** Redis was away and is there again. */
  storeReconnected?(): void;
}

export interface RedisStoreOptions {
  /** `redis://[USER][:PASSWORD]@HOST[:PORT][/DATABASE]`, or `rediss://` for TLS. */
  readonly url: string;
  /** All keys start with it in braces, so that several servers can share one Redis. @default "tachikoma" */
  readonly keyPrefix?: string;
  readonly random: Random;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly observer?: RedisStoreObserver;
  /**
   * What a resolved promise survives. `memory`: what Redis itself survives. `replica`: the loss of the master, because a replica
   * had it. `fsync`: the loss of power, because it was on the disk of the master.
   * @default "memory"
   */
  readonly durability?: RedisDurability;
  /** `caller` takes the times that the calls carry: for tests and simulations, where nobody's clock is wrong. @default "server" */
  readonly time?: TimeSource;
  /** How long a write may wait for a replica or the disk, in milliseconds. @default 1000 */
  readonly confirmTimeoutMs?: number;
  /** Time to connect, in milliseconds. @default 5000 */
  readonly connectTimeoutMs?: number;
  /** A connection that is silent for so long while an answer is due is given up, in milliseconds. @default 5000 */
  readonly answerTimeoutMs?: number;
  /** Calls that may be under way before more are refused. @default 100000 */
  readonly maxQueuedCalls?: number;
  /** Content that may be under way before more is refused, in bytes. @default 64 MiB */
  readonly maxQueuedBytes?: number;
}

/**
 * Opens a store on Redis 7.0 or later, which any number of nodes may share.
 *
 * Rejects with `CONFIG_INVALID` when this Redis cannot be used as it is set up (address, password, permissions, version, eviction policy,
 * durability), and with `STORE_UNAVAILABLE` when it cannot be reached or is not ready.
 *
 * @example
 * const store = await openRedisStore({ url: "redis://localhost:6379", random });
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<Store> {
  const { random, clock = systemClock, observer } = options;
  const address = parseRedisUrl(options.url);
  const names = new RedisNames(options.keyPrefix ?? "tachikoma", address.database);
  const nodeNonce = random.id(NONCE_CHARS);
  const faults = new FaultLog(options.logger, clock);
  const maxQueuedCalls = options.maxQueuedCalls ?? 100_000;
  const connection = {
    address,
    clock,
    connectTimeoutMs: options.connectTimeoutMs ?? 5_000,
    answerTimeoutMs: options.answerTimeoutMs ?? 5_000,
    // Besides the calls there are the scripts and what confirms writes.
    maxQueuedCommands: 2 * maxQueuedCalls + 100,
  };
  const link = await RedisLink.open({
    connection,
    names,
    durability: options.durability ?? "memory",
    clock,
    random,
    faults,
    confirmTimeoutMs: options.confirmTimeoutMs ?? 1_000,
    maxQueuedCalls,
    maxQueuedBytes: options.maxQueuedBytes ?? 64 * 1024 * 1024,
    onReconnected: () => observer?.storeReconnected?.(),
  });
  const onProbed = (lagMs: number) => observer?.wakeUpArrived?.(lagMs);
  try {
    const hints = await RedisHints.open({ connection, names, nodeNonce, clock, random, faults, onProbed });
    const time = new StoreTime(options.time ?? "server", clock);
    return new RedisStore({ link, hints, names, time, random, clock, faults, nodeNonce });
  } catch (error) {
    await link.close();
    throw error;
  }
}

interface RedisStoreParts {
  readonly link: RedisLink;
  readonly hints: RedisHints;
  readonly names: RedisNames;
  readonly time: StoreTime;
  readonly random: Random;
  readonly clock: Clock;
  readonly faults: FaultLog;
  readonly nodeNonce: string;
}

class RedisStore implements Store {
  readonly kind = "redis";
  readonly isShared = true;
  /** An append costs a round trip: of a fast model's output some 20 a second are enough. */
  readonly appendIntervalMs = 45;
  readonly #parts: RedisStoreParts;
  readonly #logs: RedisLogs;
  readonly #sessions: RedisSessions;
  readonly #leases: RedisLeases;
  readonly #rosters: RedisRosters;
  readonly #sweeper: RedisSweeper;
  #probeTimer: Timer;

  constructor(parts: RedisStoreParts) {
    this.#parts = parts;
    this.#logs = new RedisLogs(parts);
    this.#sessions = new RedisSessions(parts);
    this.#leases = new RedisLeases(parts);
    this.#rosters = new RedisRosters(parts);
    this.#sweeper = new RedisSweeper(parts);
    this.#probeTimer = this.#setProbeTimer();
  }

  async ping(): Promise<void> {
    await this.#parts.link.command(["PING"]);
  }

  async openLog(key: LogKey, nowMs: number): Promise<LogState> {
    return this.#logs.open(key, nowMs);
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    return this.#logs.append(request);
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    return this.#logs.read(request);
  }

  async logState(key: LogKey): Promise<LogState | undefined> {
    return this.#logs.state(key);
  }

  async logStates(keys: readonly LogKey[]): Promise<readonly (LogState | undefined)[]> {
    return this.#logs.states(keys);
  }

  async deleteLog(key: LogKey): Promise<void> {
    return this.#logs.delete(key);
  }

  async loadSession(tenant: string, sessionId: string): Promise<StoredSession | undefined> {
    return this.#sessions.load(tenant, sessionId);
  }

  async claimSession(tenant: string, sessionId: string, nodeId: string): Promise<ClaimedSession | undefined> {
    return this.#sessions.claim(tenant, sessionId, nodeId);
  }

  async saveSession(session: StoredSession): Promise<boolean> {
    return this.#sessions.save(session);
  }

  async deleteSession(tenant: string, sessionId: string): Promise<void> {
    return this.#sessions.delete(tenant, sessionId);
  }

  async claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt> {
    return this.#sessions.claimReceipt(key, receipt, expiresAtMs);
  }

  async updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void> {
    return this.#sessions.updateReceipt(key, receipt);
  }

  async acquireLease(
    name: string,
    owner: string,
    ttlMs: number,
    nowMs: number,
    body: string,
  ): Promise<Lease | undefined> {
    return this.#leases.acquire({ name, owner, body }, ttlMs, nowMs);
  }

  async findLease(name: string): Promise<Lease | undefined> {
    return this.#leases.find(name);
  }

  async renewLease(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean> {
    return this.#leases.renew(name, token, ttlMs, nowMs);
  }

  async releaseLease(name: string, token: number): Promise<void> {
    return this.#leases.release(name, token);
  }

  async expiredLeases(prefix: string, nowMs: number, limit: number): Promise<readonly Lease[]> {
    return this.#leases.expired(prefix, nowMs, limit);
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

  listen(listener: HintListener): void {
    this.#parts.hints.listen(listener);
  }

  async follow(key: LogKey): Promise<void> {
    return this.#parts.hints.follow(key);
  }

  unfollow(key: LogKey): void {
    this.#parts.hints.unfollow(key);
  }

  say(key: LogKey, note: string): void {
    const { names, nodeNonce } = this.#parts;
    // What cannot be said now is lost, as any hint may be.
    this.#publish(names.hints(key), noteMessage(nodeNonce, note)).catch(() => {});
  }

  async sweep(request: SweepRequest): Promise<SweepResult> {
    return this.#sweeper.sweep(request);
  }

  async close(): Promise<void> {
    this.#probeTimer.cancel();
    this.#parts.hints.close();
    await this.#parts.link.close();
  }

  #setProbeTimer(): Timer {
    const { clock, link, hints } = this.#parts;
    return clock.setTimer(PROBE_INTERVAL_MS, () => {
      this.#probeTimer = this.#setProbeTimer();
      void hints.probe((topic, message) => this.#publish(topic, message));
      // A link in trouble knows it by the rejection already.
      link.checkServer().catch(() => {});
    });
  }

  async #publish(topic: string, message: string): Promise<number> {
    return Number(await this.#parts.link.command(["SPUBLISH", topic, message]));
  }
}
