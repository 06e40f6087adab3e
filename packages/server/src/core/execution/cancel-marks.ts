/**
 * Remembers that a cancel was accepted. The next owner of an execution that would be run anew has to know: whoever pressed stop and
 * was told so does not want it to start again. A mark is a receipt that belongs to no client, since of those the first one stays.
 */
import type { ReceiptKey, Store, StoredReceipt } from "../../stores/store.ts";
import { NODE_TENANT } from "../cluster/node-mail.ts";
import type { Clock } from "../ports.ts";

export interface CancelMarksOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Longer than an execution can wait for its next owner and still be run anew. */
  readonly receiptTtlMs: number;
}

export class CancelMarks {
  readonly #options: CancelMarksOptions;

  constructor(options: CancelMarksOptions) {
    this.#options = options;
  }

  /** Resolves when the next owner will see it. */
  async mark(tenant: string, executionId: string): Promise<void> {
    const wanted = receiptOf("accepted", executionId);
    const { status } = await this.#claim(tenant, wanted);
    // A look leaves one as well.
    if (status !== wanted.status) await this.#options.store.updateReceipt(keyOf(tenant, executionId), wanted);
  }

  async isMarked(tenant: string, executionId: string): Promise<boolean> {
    return (await this.#claim(tenant, receiptOf("superseded", executionId))).status === "accepted";
  }

  #claim(tenant: string, receipt: StoredReceipt): Promise<StoredReceipt> {
    const { store, clock, receiptTtlMs } = this.#options;
    return store.claimReceipt(keyOf(tenant, receipt.executionId), receipt, clock.nowMs() + receiptTtlMs);
  }
}

function keyOf(tenant: string, executionId: string): ReceiptKey {
  return { tenant: NODE_TENANT, clientId: tenant, commandId: `cancel:${executionId}` };
}

function receiptOf(status: "accepted" | "superseded", executionId: string): StoredReceipt {
  return { status, executionId, channel: "" };
}
