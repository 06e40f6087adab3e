import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import { claimed, writeOutcome } from "../session-holder.ts";
import type { ClaimedSession, StoredSession } from "../store.ts";
import { Damage } from "./damage.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

export class SessionTable {
  readonly #select: StatementSync;
  readonly #selectRevision: StatementSync;
  readonly #upsert: StatementSync;
  readonly #delete: StatementSync;
  readonly #deleteExpired: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare(
      `SELECT ${asBytes("subject", "client_id", "node_id")}, created_at_ms, expires_at_ms, positions, holder, revision
       FROM session WHERE tenant = ? AND session_id = ?`,
    );
    this.#selectRevision = db.prepare(
      "SELECT holder, revision FROM session WHERE tenant = ? AND session_id = ?",
    );
    this.#upsert = db.prepare(
      `INSERT OR REPLACE INTO session
       (tenant, session_id, subject, client_id, created_at_ms, expires_at_ms, positions, holder, node_id, revision)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
      positions: positionsOf(row),
      holder: row["holder"] as number,
      nodeId: textOf(row["node_id"]),
      revision: row["revision"] as number,
    };
  }

  claim(tenant: string, sessionId: string, nodeId: string): ClaimedSession | undefined {
    const stored = this.load(tenant, sessionId);
    if (stored === undefined) return undefined;
    const session = claimed(stored, nodeId);
    this.#write(session);
    return { session, previousHolder: stored.holder, previousNodeId: stored.nodeId };
  }

  /** False when the session was taken since. */
  save(session: StoredSession): boolean {
    const row = this.#selectRevision.get(session.tenant, session.sessionId);
    const stored = row && { holder: row["holder"] as number, revision: row["revision"] as number };
    const outcome = writeOutcome(session, stored);
    if (outcome === "newer") this.#write(session);
    return outcome !== "taken";
  }

  delete(tenant: string, sessionId: string): void {
    this.#delete.run(tenant, sessionId);
  }

  /** Removes at most `maxCount` sessions past their time; returns how many. */
  deleteExpired(nowMs: number, maxCount: number): number {
    return Number(this.#deleteExpired.run(nowMs, maxCount).changes);
  }

  #write(session: StoredSession): void {
    this.#upsert.run(
      session.tenant,
      session.sessionId,
      session.subject,
      session.clientId,
      session.createdAtMs,
      session.expiresAtMs,
      JSON.stringify(session.positions),
      session.holder,
      session.nodeId,
      session.revision,
    );
  }
}

function positionsOf(row: Record<string, SQLOutputValue>): Record<string, string> {
  try {
    return JSON.parse(row["positions"] as string) as Record<string, string>;
  } catch {
    throw new Damage("the positions of a session cannot be read");
  }
}
