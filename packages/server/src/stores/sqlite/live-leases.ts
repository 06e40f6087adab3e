import type { Lease } from "../store.ts";

/**
 * Which leases run, as far as they were taken or renewed through this store: enough for rosters, which end with their
 * process as it does, because a file has one owner.
 */
export class LiveLeases {
  readonly #leases = new Map<string, Pick<Lease, "token" | "expiresAtMs">>();

  taken({ name, token, expiresAtMs }: Lease, nowMs: number): void {
    for (const [other, lease] of this.#leases) if (lease.expiresAtMs <= nowMs) this.#leases.delete(other);
    this.#leases.set(name, { token, expiresAtMs });
  }

  renewed(name: string, token: number, expiresAtMs: number): void {
    this.#leases.set(name, { token, expiresAtMs });
  }

  released(name: string, token: number): void {
    if (this.#leases.get(name)?.token === token) this.#leases.delete(name);
  }

  isLive(name: string, nowMs: number): boolean {
    return (this.#leases.get(name)?.expiresAtMs ?? 0) > nowMs;
  }
}
