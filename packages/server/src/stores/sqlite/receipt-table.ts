import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ReceiptKey, StoredReceipt } from "../store.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

export class ReceiptTable {
  readonly #select: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #deleteExpired: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare(
      `SELECT status, ${asBytes("execution_id", "channel")}, error_code FROM receipt
       WHERE tenant = ? AND client_id = ? AND command_id = ?`,
    );
    this.#insert = db.prepare(
      `INSERT INTO receipt (tenant, client_id, command_id, status, execution_id, channel, error_code, expires_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = db.prepare(
      `UPDATE receipt SET status = ?, execution_id = ?, channel = ?, error_code = ?
       WHERE tenant = ? AND client_id = ? AND command_id = ?`,
    );
    this.#deleteExpired = db.prepare(
      `DELETE FROM receipt WHERE (tenant, client_id, command_id) IN
       (SELECT tenant, client_id, command_id FROM receipt WHERE expires_at_ms <= ? LIMIT ?)`,
    );
  }

  claim(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): StoredReceipt {
    const stored = this.#find(key);
    if (stored !== undefined) return stored;
    const { tenant, clientId, commandId } = key;
    const { status, executionId, channel, errorCode } = receipt;
    this.#insert.run(
      tenant,
      clientId,
      commandId,
      status,
      executionId,
      channel,
      errorCode ?? null,
      expiresAtMs,
    );
    return receipt;
  }

  update({ tenant, clientId, commandId }: ReceiptKey, receipt: StoredReceipt): void {
    const { status, executionId, channel, errorCode } = receipt;
    this.#update.run(status, executionId, channel, errorCode ?? null, tenant, clientId, commandId);
  }

  /** Removes at most `maxCount` receipts past their time; returns how many. */
  deleteExpired(nowMs: number, maxCount: number): number {
    return Number(this.#deleteExpired.run(nowMs, maxCount).changes);
  }

  #find({ tenant, clientId, commandId }: ReceiptKey): StoredReceipt | undefined {
    const row = this.#select.get(tenant, clientId, commandId);
    if (row === undefined) return undefined;
    const errorCode = row["error_code"] as string | null;
    return {
      status: row["status"] as StoredReceipt["status"],
      executionId: textOf(row["execution_id"]),
      channel: textOf(row["channel"]),
      ...(errorCode === null ? undefined : { errorCode }),
    };
  }
}
