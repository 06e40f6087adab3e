/**
 * The last numbered write under each lease. Kept in memory: mostly whoever asks again lives in the process that owns the file, and
 * the leases of a former process are ended before anything else. Where that is not so a table has them too. What a transaction
 * notes counts for what follows in it, and is forgotten with it.
 */
import { staleWriteMessage } from "../fence.ts";
import type { AppendResult, Fence } from "../store.ts";
import type { FencedWrite, FencedWriteTable } from "./fenced-write-table.ts";
import { Refusal } from "./refusal.ts";

export class FencedWrites {
  readonly #table: FencedWriteTable | undefined;
  readonly #committed = new Map<string, FencedWrite>();
  /** `undefined` for a lease that was given up. */
  readonly #uncommitted = new Map<string, FencedWrite | undefined>();

  constructor(table?: FencedWriteTable) {
    this.#table = table;
  }

  /**
   * What the same write returned before, `undefined` for one that may append now. The token must have been checked.
   *
   * @throws FENCED for a number below the last one
   */
  earlier(fence: Fence): AppendResult | undefined {
    const { lease, token, write } = fence;
    if (write === undefined) return undefined;
    const last = this.#uncommitted.has(lease) ? this.#uncommitted.get(lease) : this.#findCommitted(lease);
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

  /** The last part of a transaction. */
  write(): void {
    if (this.#table === undefined) return;
    for (const [lease, write] of this.#uncommitted) this.#table.put(lease, write);
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

  #findCommitted(lease: string): FencedWrite | undefined {
    return this.#committed.get(lease) ?? this.#table?.find(lease);
  }
}
