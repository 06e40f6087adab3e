import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { EnrollRequest, RosterEntry, RosterKey, RosterState } from "../store.ts";
import { asBytes, textOf } from "./sqlite-text.ts";

interface RosterRow {
  readonly rosterId: number;
  readonly version: number;
}

/** Rosters in the file. An empty one is forgotten; the next with its name goes on with numbers of its own. */
export class RosterTable {
  readonly #select: StatementSync;
  readonly #selectKey: StatementSync;
  readonly #insert: StatementSync;
  readonly #setVersion: StatementSync;
  readonly #delete: StatementSync;
  readonly #nextVersion: StatementSync;
  readonly #selectLive: StatementSync;
  readonly #countOtherLive: StatementSync;
  readonly #countAll: StatementSync;
  readonly #upsertEntry: StatementSync;
  readonly #deleteEntry: StatementSync;
  readonly #selectOfLease: StatementSync;
  readonly #deleteOfLease: StatementSync;

  constructor(db: DatabaseSync) {
    this.#select = db.prepare(
      "SELECT roster_id, version FROM roster WHERE tenant = ? AND kind = ? AND name = ?",
    );
    this.#selectKey = db.prepare(
      `SELECT version, kind, ${asBytes("tenant", "name")} FROM roster WHERE roster_id = ?`,
    );
    this.#insert = db.prepare("INSERT INTO roster (tenant, kind, name, version) VALUES (?, ?, ?, 0)");
    this.#setVersion = db.prepare("UPDATE roster SET version = ? WHERE roster_id = ?");
    this.#delete = db.prepare("DELETE FROM roster WHERE roster_id = ?");
    this.#nextVersion = db.prepare(
      "UPDATE roster_counter SET last_version = max(last_version, ?) + 1 RETURNING last_version",
    );
    this.#selectLive = db.prepare(
      `SELECT ${asBytes("id", "lease", "value")} FROM roster_entry WHERE roster_id = ? AND ${isLive}`,
    );
    this.#countOtherLive = db.prepare(
      `SELECT count(*) AS live FROM roster_entry WHERE roster_id = ? AND id <> ? AND ${isLive}`,
    );
    this.#countAll = db.prepare("SELECT count(*) AS entries FROM roster_entry WHERE roster_id = ?");
    this.#upsertEntry = db.prepare(
      "INSERT OR REPLACE INTO roster_entry (roster_id, id, lease, value) VALUES (?, ?, ?, ?)",
    );
    this.#deleteEntry = db.prepare(
      "DELETE FROM roster_entry WHERE roster_id = ? AND id = ? AND lease = ? AND value = ?",
    );
    this.#selectOfLease = db.prepare("SELECT DISTINCT roster_id FROM roster_entry WHERE lease = ?");
    this.#deleteOfLease = db.prepare("DELETE FROM roster_entry WHERE lease = ?");
  }

  enroll({ roster, entry, nowMs, maxEntries }: EnrollRequest): number | undefined {
    const found = this.#find(roster);
    if (maxEntries !== undefined && found !== undefined) {
      const { live } = this.#countOtherLive.get(found.rosterId, entry.id, nowMs)!;
      if ((live as number) >= maxEntries) return undefined;
    } else if (maxEntries === 0) return undefined;
    const { rosterId, version } = found ?? this.#create(roster);
    this.#upsertEntry.run(rosterId, entry.id, entry.lease, entry.value);
    return this.#changed(rosterId, version);
  }

  strike(roster: RosterKey, { id, lease, value }: RosterEntry): number | undefined {
    const found = this.#find(roster);
    if (found === undefined) return undefined;
    if (Number(this.#deleteEntry.run(found.rosterId, id, lease, value).changes) === 0) return undefined;
    return this.#changed(found.rosterId, found.version);
  }

  read(roster: RosterKey, nowMs: number): RosterState {
    const found = this.#find(roster);
    if (found === undefined) return { version: 0, entries: [] };
    const rows = this.#selectLive.all(found.rosterId, nowMs);
    const entries = rows.map((row) => ({
      id: textOf(row["id"]),
      lease: textOf(row["lease"]),
      value: textOf(row["value"]),
    }));
    return { version: found.version, entries };
  }

  strikeLease(lease: string): RosterKey[] {
    const rosterIds = this.#selectOfLease.all(lease).map((row) => row["roster_id"] as number);
    if (rosterIds.length === 0) return [];
    this.#deleteOfLease.run(lease);
    return rosterIds.map((rosterId) => {
      const row = this.#selectKey.get(rosterId)!;
      this.#changed(rosterId, row["version"] as number);
      return {
        tenant: textOf(row["tenant"]),
        kind: row["kind"] as RosterKey["kind"],
        name: textOf(row["name"]),
      };
    });
  }

  #find({ tenant, kind, name }: RosterKey): RosterRow | undefined {
    const row = this.#select.get(tenant, kind, name);
    return row && { rosterId: row["roster_id"] as number, version: row["version"] as number };
  }

  #create({ tenant, kind, name }: RosterKey): RosterRow {
    return { rosterId: Number(this.#insert.run(tenant, kind, name).lastInsertRowid), version: 0 };
  }

  #changed(rosterId: number, before: number): number {
    // From one counter for all: a roster that was forgotten must not come back with a number that a reader knows.
    const counted = this.#nextVersion.get(before)!["last_version"] as number;
    const version = before === 0 ? counted : before + 1;
    const isEmpty = this.#countAll.get(rosterId)!["entries"] === 0;
    if (isEmpty) this.#delete.run(rosterId);
    else this.#setVersion.run(version, rosterId);
    return version;
  }
}

const isLive = `EXISTS (
  SELECT 1 FROM lease WHERE lease.name = roster_entry.lease AND lease.expires_at_ms > ?
)`;
