import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Lease } from "../store.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

/**
 * Leases by name. Tokens come from one counter for all names, so a lease that was given up leaves no row behind and the
 * next token is still greater than any before it.
 */
export class LeaseTable {
  readonly #select: StatementSync;
  readonly #selectWhole: StatementSync;
  readonly #nextToken: StatementSync;
  readonly #upsert: StatementSync;
  readonly #renew: StatementSync;
  readonly #delete: StatementSync;
  readonly #selectExpired: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare("SELECT token, expires_at_ms FROM lease WHERE name = ?");
    this.#selectWhole = db.prepare(
      `SELECT token, expires_at_ms, ${asBytes("name", "owner", "body")} FROM lease WHERE name = ?`,
    );
    this.#nextToken = db.prepare("UPDATE lease_counter SET last_token = last_token + 1 RETURNING last_token");
    this.#upsert = db.prepare(
      "INSERT OR REPLACE INTO lease (name, owner, token, expires_at_ms, body) VALUES (?, ?, ?, ?, ?)",
    );
    this.#renew = db.prepare("UPDATE lease SET expires_at_ms = ? WHERE name = ? AND token = ?");
    this.#delete = db.prepare("DELETE FROM lease WHERE name = ? AND token = ?");
    this.#selectExpired = db.prepare(
      // Not LIKE or GLOB: names may contain their wildcards. Expired leases are few.
      `SELECT token, expires_at_ms, ${asBytes("name", "owner", "body")} FROM lease WHERE expires_at_ms <= ? AND instr(name, ?) = 1 ORDER BY expires_at_ms LIMIT ?`,
    );
  }

  acquire(name: string, owner: string, ttlMs: number, nowMs: number, body: string): Lease | undefined {
    const current = this.#select.get(name);
    if (current !== undefined && (current["expires_at_ms"] as number) > nowMs) return undefined;
    const token = this.#nextToken.get()!["last_token"] as number;
    const lease: Lease = { name, owner, token, expiresAtMs: nowMs + ttlMs, body };
    this.#upsert.run(name, owner, token, lease.expiresAtMs, body);
    return lease;
  }

  find(name: string): Lease | undefined {
    const row = this.#selectWhole.get(name);
    return row && leaseOf(row);
  }

  renew(name: string, token: number, ttlMs: number, nowMs: number): boolean {
    return Number(this.#renew.run(nowMs + ttlMs, name, token).changes) === 1;
  }

  /** False for a stale token, which releases nothing. */
  release(name: string, token: number): boolean {
    return Number(this.#delete.run(name, token).changes) === 1;
  }

  expired(prefix: string, nowMs: number, limit: number): Lease[] {
    return this.#selectExpired.all(nowMs, prefix, limit).map(leaseOf);
  }

  /** `undefined` when nobody holds the lease. */
  currentToken(name: string): number | undefined {
    return this.#select.get(name)?.["token"] as number | undefined;
  }
}

function leaseOf(row: Record<string, SQLOutputValue>): Lease {
  return {
    name: textOf(row["name"]),
    owner: textOf(row["owner"]),
    token: row["token"] as number,
    expiresAtMs: row["expires_at_ms"] as number,
    body: textOf(row["body"]),
  };
}
