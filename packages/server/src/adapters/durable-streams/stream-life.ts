/**
 * Until when a stream is there. Of each that ends by itself there is a lease which runs as long as it: reading and writing renew
 * it where the time counts from the last use, and whoever finds that it has run out may take it, once, and then deletes the
 * stream. So it does not matter which node a stream was used on, nor which one ends it.
 */
import type { Clock } from "../../core/ports.ts";
import type { Lease, Store } from "../../stores/store.ts";
import { StateCache } from "./state-cache.ts";
import type { Lifetime } from "./stream-headers.ts";
import type { StreamName } from "./stream-logs.ts";
import type { StreamConfig } from "./stream-state.ts";

export interface StreamLifeOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly nodeId: string;
}

export interface EndedStream extends StreamName {
  readonly life: string;
}

const PREFIX = "stream:";
/** Body of the lease of a stream that is being ended. */
const ENDING = "ending";
/** Time for that; then somebody else tries. */
const ENDING_MS = 30_000;
/** A use is noted when so much of the time has passed since the one before: so far an end may be late, never early. */
const RENEWAL_SHARE = 1 / 20;
const MAX_RENEWAL_MS = 1_000;

export class StreamLife {
  readonly #options: StreamLifeOptions;
  /** Leases as they were when they were looked at; others only make them longer. */
  readonly #known = new StateCache<Pick<Lease, "token" | "expiresAtMs">>();

  constructor(options: StreamLifeOptions) {
    this.#options = options;
  }

  /** To be called before the stream is stored, so that none is left that nobody ends. */
  async begin(name: StreamName, config: StreamConfig): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const durationMs = durationOf(config, nowMs);
    if (durationMs !== undefined) await this.#acquire(leaseName(name, config.life), durationMs, "");
  }

  async forget(name: StreamName, { life }: Pick<StreamConfig, "life">): Promise<void> {
    const lease = await this.#options.store.findLease(leaseName(name, life));
    if (lease !== undefined) await this.#options.store.releaseLease(lease.name, lease.token);
    this.#known.delete(leaseName(name, life));
  }

  async isOver(name: StreamName, config: StreamConfig): Promise<boolean> {
    const nowMs = this.#options.clock.nowMs();
    if (config.expiresAt !== undefined) return Date.parse(config.expiresAt) <= nowMs;
    if (config.ttlSecs === undefined) return false;
    return (await this.#deadlineMs(name, config)) <= nowMs;
  }

  /** The stream is used: its time begins anew. False when it was over. */
  async use(name: StreamName, config: StreamConfig): Promise<boolean> {
    if (await this.isOver(name, config)) return false;
    if (config.ttlSecs === undefined) return true;
    const { store, clock } = this.#options;
    const nowMs = clock.nowMs();
    const known = this.#known.get(leaseName(name, config.life))!;
    const durationMs = durationOf(config, nowMs)!;
    if (known.expiresAtMs - nowMs >= config.ttlSecs * 1_000) return true;
    const lease = leaseName(name, config.life);
    if (!(await store.renewLease(lease, known.token, durationMs, nowMs))) {
      this.#known.delete(lease);
      return !(await this.isOver(name, config));
    }
    this.#known.set(lease, { token: known.token, expiresAtMs: nowMs + durationMs }, 1);
    return true;
  }

  /** Some of those whose time is over, each given to one caller. */
  async takeEnded(limit: number): Promise<readonly EndedStream[]> {
    const { store, clock } = this.#options;
    const leases = await store.expiredLeases(PREFIX, clock.nowMs(), limit);
    const taken: EndedStream[] = [];
    for (const { name } of leases) {
      if (await this.#acquire(name, ENDING_MS, ENDING)) taken.push(streamOf(name));
    }
    return taken;
  }

  async #deadlineMs(name: StreamName, config: StreamConfig): Promise<number> {
    const lease = leaseName(name, config.life);
    const { store, clock } = this.#options;
    const known = this.#known.get(lease);
    if (known !== undefined && known.expiresAtMs > clock.nowMs()) return known.expiresAtMs;
    const found = await store.findLease(lease);
    if (found?.body === ENDING) return 0;
    if (found === undefined) {
      // The store has lost it, and not the stream: better too long than too short.
      await this.begin(name, config);
      return this.#known.get(lease)?.expiresAtMs ?? 0;
    }
    this.#known.set(lease, found, 1);
    return found.expiresAtMs;
  }

  async #acquire(name: string, durationMs: number, body: string): Promise<boolean> {
    const { store, clock, nodeId } = this.#options;
    const lease = await store.acquireLease(name, nodeId, durationMs, clock.nowMs(), body);
    if (body === ENDING) this.#known.delete(name);
    else if (lease !== undefined) this.#known.set(name, lease, 1);
    return lease !== undefined;
  }
}

/** What the lease is taken for. */
function durationOf({ ttlSecs, expiresAt }: Lifetime, nowMs: number): number | undefined {
  if (expiresAt !== undefined) return Math.max(0, Date.parse(expiresAt) - nowMs);
  if (ttlSecs === undefined) return undefined;
  const ttlMs = ttlSecs * 1_000;
  return Math.round(ttlMs + Math.min(ttlMs * RENEWAL_SHARE, MAX_RENEWAL_MS));
}

function leaseName({ tenant, path }: StreamName, life: string): string {
  return PREFIX + JSON.stringify([tenant, path, life]);
}

function streamOf(lease: string): EndedStream {
  const [tenant, path, life] = JSON.parse(lease.slice(PREFIX.length)) as [string, string, string];
  return { tenant, path, life };
}
