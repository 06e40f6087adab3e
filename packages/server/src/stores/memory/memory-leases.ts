import type { Fence, Lease } from "../store.ts";

/** Leases by name. Tokens come from one counter, so they grow for every name even after a lease is given up. */
export class MemoryLeases {
  #lastToken = 0;
  readonly #leases = new Map<string, Lease>();

  acquire(name: string, owner: string, ttlMs: number, nowMs: number, body: string): Lease | undefined {
    const current = this.#leases.get(name);
    if (current !== undefined && current.expiresAtMs > nowMs) return undefined;
    this.#lastToken += 1;
    const lease: Lease = { name, owner, token: this.#lastToken, expiresAtMs: nowMs + ttlMs, body };
    this.#leases.set(name, lease);
    return lease;
  }

  renew(name: string, token: number, ttlMs: number, nowMs: number): boolean {
    const current = this.#leases.get(name);
    if (current?.token !== token) return false;
    this.#leases.set(name, { ...current, expiresAtMs: nowMs + ttlMs });
    return true;
  }

  release(name: string, token: number): void {
    if (this.#leases.get(name)?.token === token) this.#leases.delete(name);
  }

  expired(prefix: string, nowMs: number, limit: number): readonly Lease[] {
    return [...this.#leases.values()]
      .filter((lease) => lease.expiresAtMs <= nowMs && lease.name.startsWith(prefix))
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      .slice(0, limit);
  }

  currentToken(fence: Fence): number | undefined {
    return this.#leases.get(fence.lease)?.token;
  }
}
