import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { StoredSession } from "../store.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

export class SessionTable {
  readonly #select: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteExpired: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare(
      `SELECT ${asBytes("subject", "client_id")}, created_at_ms, expires_at_ms, positions FROM session
       WHERE tenant = ? AND session_id = ?`,
    );
    this.#upsert = db.prepare(
      `INSERT OR REPLACE INTO session (tenant, session_id, subject, client_id, created_at_ms, expires_at_ms, positions)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = db.prepare("DELETE FROM session WHERE tenant = ? AND session_id = ?");
    this.#deleteExpired = db.prepare(
      `DELETE FROM session WHERE (tenant, session_id) IN
       (SELECT tenant, session_id FROM session WHERE expires_at_ms <= ? LIMIT ?)`,
    );
  }

  load(tenant: string, sessionId: string): StoredSession | undefined {
    const row = this.#select.get(tenant, sessionId);
    if (row === undefined) return undefined;
    return {
      tenant,
      sessionId,
      subject: textOf(row["subject"]),
      clientId: textOf(row["client_id"]),
      createdAtMs: row["created_at_ms"] as number,
      expiresAtMs: row["expires_at_ms"] as number,
      positions: JSON.parse(row["positions"] as string) as Record<string, string>,
      holder: 1,
      nodeId: "",
      revision: 0,
    };
  }

  save({ tenant, sessionId, subject, clientId, createdAtMs, expiresAtMs, positions }: StoredSession): void {
    this.#upsert.run(
      tenant,
      sessionId,
      subject,
      clientId,
      createdAtMs,
      expiresAtMs,
      JSON.stringify(positions),
    );
  }

  delete(tenant: string, sessionId: string): void {
    this.#delete.run(tenant, sessionId);
  }

  /** Removes at most `maxCount` sessions past their time; returns how many. */
  deleteExpired(nowMs: number, maxCount: number): number {
    return Number(this.#deleteExpired.run(nowMs, maxCount).changes);
  }
}
