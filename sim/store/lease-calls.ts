import type { Lease } from "../../packages/server/src/stores/store.ts";
import type { StoreSim } from "./store-sim.ts";
import { isLive, type LeaseSim } from "./store-state.ts";

/** Leases. Times are those of the store. */
export class LeaseCalls {
  readonly #store: StoreSim;

  constructor(store: StoreSim) {
    this.#store = store;
  }

  acquire(
    wanted: Pick<Lease, "name" | "owner" | "body">,
    ttlMs: number,
    nowMs: number,
  ): LeaseSim | undefined {
    const { state } = this.#store;
    if (isLive(state, wanted.name, nowMs)) return undefined;
    state.lastNumber += 1;
    const { lastNumber: token, generation } = state;
    const lease = { ...wanted, token, expiresAtMs: nowMs + ttlMs, generation };
    state.leases.set(lease.name, lease);
    state.lastWrites.delete(lease.name);
    return lease;
  }

  find(name: string): LeaseSim | undefined {
    return this.#store.state.leases.get(name);
  }

  renew(name: string, token: number, expiresAtMs: number): boolean {
    const lease = this.find(name);
    if (lease?.token !== token) return false;
    this.#store.state.leases.set(name, { ...lease, expiresAtMs });
    return true;
  }

  release(name: string, token: number): void {
    const { leases, lastWrites, generation } = this.#store.state;
    const lease = leases.get(name);
    // What was written under it before a failover may be lost: it has to be found by whoever looks for what has no end.
    if (lease?.token !== token || lease.generation !== generation) return;
    leases.delete(name);
    lastWrites.delete(name);
  }

  expired(prefix: string, nowMs: number, limit: number): LeaseSim[] {
    return [...this.#store.state.leases.values()]
      .filter((lease) => lease.expiresAtMs <= nowMs && lease.name.startsWith(prefix))
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      .slice(0, limit);
  }
}
