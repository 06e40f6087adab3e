/**
 * The last numbered write under each lease. Kept in memory: whoever asks again lives in the process that owns the file, and
 * the leases of a former process are ended before anything else. What a transaction notes counts for what follows in it, and
 * is forgotten with it.
 */
import { staleWriteMessage } from "../fence.ts";
import type { AppendResult, Fence } from "../store.ts";
import { Refusal } from "./refusal.ts";

interface FencedWrite {
  readonly token: number;
  readonly number: number;
  readonly result: AppendResult;
}

export class FencedWrites {
  readonly #committed = new Map<string, FencedWrite>();
  /** `undefined` for a lease that was given up. */
  readonly #uncommitted = new Map<string, FencedWrite | undefined>();

  /**
   * What the same write returned before, `undefined` for one that may append now. The token must have been checked.
   *
   * @throws FENCED for a number below the last one
   */
  earlier(fence: Fence): AppendResult | undefined {
    const { lease, token, write } = fence;
    if (write === undefined) return undefined;
    const last = this.#uncommitted.has(lease) ? this.#uncommitted.get(lease) : this.#committed.get(lease);
    if (last === undefined || last.token !== token || write > last.number) return undefined;
    if (write < last.number) throw new Refusal("FENCED", staleWriteMessage(fence, last.number));
    return { ...last.result, isDuplicate: true };
  }

  note({ lease, token, write }: Fence, result: AppendResult): void {
    if (write !== undefined) this.#uncommitted.set(lease, { token, number: write, result });
  }

  drop(lease: string): void {
    this.#uncommitted.set(lease, undefined);
  }

  commit(): void {
    for (const [lease, write] of this.#uncommitted) {
      if (write === undefined) this.#committed.delete(lease);
      else this.#committed.set(lease, write);
    }
    this.#uncommitted.clear();
  }

  forget(): void {
    this.#uncommitted.clear();
  }
}
