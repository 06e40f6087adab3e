import { TachikomaError } from "@tachikoma/protocol";
import { fencedMessage, staleWriteMessage } from "../fence.ts";
import type { AppendResult, Fence, Lease } from "../store.ts";

interface LastWrite {
  readonly number: number;
  readonly result: AppendResult;
}

/** Leases by name. Tokens come from one counter, so they grow for every name even after a lease is given up. */
export class MemoryLeases {
  #lastToken = 0;
  readonly #leases = new Map<string, Lease>();
  readonly #lastWrites = new Map<string, LastWrite>();

  acquire(name: string, owner: string, ttlMs: number, nowMs: number, body: string): Lease | undefined {
    const current = this.#leases.get(name);
    if (current !== undefined && current.expiresAtMs > nowMs) return undefined;
    this.#lastToken += 1;
    const lease: Lease = { name, owner, token: this.#lastToken, expiresAtMs: nowMs + ttlMs, body };
    this.#leases.set(name, lease);
    this.#lastWrites.delete(name);
    return lease;
  }

  find(name: string): Lease | undefined {
    return this.#leases.get(name);
  }

  isLive(name: string, nowMs: number): boolean {
    const lease = this.#leases.get(name);
    return lease !== undefined && lease.expiresAtMs > nowMs;
  }

  renew(name: string, token: number, ttlMs: number, nowMs: number): boolean {
    const current = this.#leases.get(name);
    if (current?.token !== token) return false;
    this.#leases.set(name, { ...current, expiresAtMs: nowMs + ttlMs });
    return true;
  }

  release(name: string, token: number): void {
    if (this.#leases.get(name)?.token !== token) return;
    this.#leases.delete(name);
    this.#lastWrites.delete(name);
  }

  expired(prefix: string, nowMs: number, limit: number): readonly Lease[] {
    return [...this.#leases.values()]
      .filter((lease) => lease.expiresAtMs <= nowMs && lease.name.startsWith(prefix))
      .sort((a, b) => a.expiresAtMs - b.expiresAtMs)
      .slice(0, limit);
  }

  /**
   * What the same write returned before, `undefined` for one that may append now.
   *
   * @throws FENCED
   */
  earlierWrite(fence: Fence): AppendResult | undefined {
    const token = this.#leases.get(fence.lease)?.token;
    if (token !== fence.token) throw new TachikomaError("FENCED", fencedMessage(fence, token));
    const last = this.#lastWrites.get(fence.lease);
    if (fence.write === undefined || last === undefined || fence.write > last.number) return undefined;
    if (fence.write < last.number) throw new TachikomaError("FENCED", staleWriteMessage(fence, last.number));
    return { ...last.result, isDuplicate: true };
  }

  noteWrite(fence: Fence, result: AppendResult): void {
    if (fence.write !== undefined) this.#lastWrites.set(fence.lease, { number: fence.write, result });
  }
}
