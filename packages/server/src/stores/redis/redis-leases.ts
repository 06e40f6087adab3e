import type { Lease } from "../store.ts";
import type { RedisLink } from "./redis-link.ts";
import { decodeName, encodeName, type RedisNames } from "./redis-names.ts";
import {
  ACQUIRE_LEASE,
  EXPIRED_LEASES,
  FIND_LEASE,
  RELEASE_LEASE,
  RENEW_LEASE,
} from "./scripts/lease-scripts.ts";
import type { StoreTime } from "./store-time.ts";

export interface RedisLeasesOptions {
  readonly link: RedisLink;
  readonly names: RedisNames;
  readonly time: StoreTime;
}

type LeaseReply = readonly [owner: string, token: string, body: string, remainingMs: string];

export class RedisLeases {
  readonly #options: RedisLeasesOptions;

  constructor(options: RedisLeasesOptions) {
    this.#options = options;
  }

  async acquire({ name, owner, body }: Omit<Lease, "token" | "expiresAtMs">, ttlMs: number, nowMs: number) {
    const { link, names, time } = this.#options;
    const args = [time.moment(nowMs), owner, String(ttlMs), body];
    const token = await link.run(ACQUIRE_LEASE, [names.lease(name)], args, body.length);
    return token === null
      ? undefined
      : { name, owner, token: Number(token), expiresAtMs: nowMs + ttlMs, body };
  }

  async find(name: string): Promise<Lease | undefined> {
    const { link, names, time } = this.#options;
    const { moment, hereMs } = time.reference();
    const reply = await link.run(FIND_LEASE, [names.lease(name)], [moment]);
    return reply === null ? undefined : leaseOf(name, reply as LeaseReply, hereMs);
  }

  async renew(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean> {
    const { link, names, time } = this.#options;
    const args = [time.moment(nowMs), String(token), String(ttlMs)];
    return (await link.run(RENEW_LEASE, [names.lease(name)], args)) === 1;
  }

  async release(name: string, token: number): Promise<void> {
    const { link, names } = this.#options;
    await link.run(RELEASE_LEASE, [names.lease(name)], [String(token)]);
  }

  async expired(prefix: string, nowMs: number, limit: number): Promise<Lease[]> {
    const { link, names, time } = this.#options;
    const args = [time.moment(nowMs), encodeName(prefix), String(limit)];
    const replies = await link.run(EXPIRED_LEASES, [names.leases], args);
    return (replies as readonly (readonly [name: string, ...lease: LeaseReply])[]).map(([name, ...lease]) =>
      leaseOf(decodeName(name), lease, nowMs),
    );
  }
}

function leaseOf(name: string, [owner, token, body, remainingMs]: LeaseReply, hereMs: number): Lease {
  return { name, owner, token: Number(token), expiresAtMs: hereMs + Number(remainingMs), body };
}
