/**
 * What a store keeps in memory as long as it ends with its nodes, and in its file where they may outlive it: rosters, and the
 * last numbered write under each lease. The tables are made when they are wanted. Servers that do not know them can work
 * with the file: none of what is in them says anything once its lease has another token.
 */
import type { DatabaseSync } from "node:sqlite";

/**
 * `none`: the store is in the process of its one node. `new`: nodes reach it from elsewhere, and whoever worked with the file
 * before is gone. `known`: it starts again, while its nodes go on.
 */
export type NodesElsewhere = "none" | "new" | "known";

const TABLES = `
  CREATE TABLE IF NOT EXISTS roster (
    roster_id INTEGER PRIMARY KEY,
    tenant    TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    UNIQUE (tenant, kind, name)
  );
  CREATE TABLE IF NOT EXISTS roster_counter (last_version INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS roster_entry (
    roster_id INTEGER NOT NULL,
    id        TEXT    NOT NULL,
    lease     TEXT    NOT NULL,
    value     TEXT    NOT NULL,
    PRIMARY KEY (roster_id, id)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS roster_entry_by_lease ON roster_entry (lease);
  CREATE TABLE IF NOT EXISTS fenced_write (
    lease     TEXT    NOT NULL PRIMARY KEY,
    token     INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    epoch     TEXT    NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    tag       TEXT    NOT NULL,
    time_ms   INTEGER NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO roster_counter SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM roster_counter);
`;

/** The version counter stays: a version that was seen must not come back. */
const FORGET_NODES = `
  DELETE FROM roster_entry;
  DELETE FROM roster;
  DELETE FROM fenced_write;
  UPDATE lease SET expires_at_ms = 0;
`;

export function prepareForNodes(db: DatabaseSync, nodes: NodesElsewhere): void {
  if (nodes === "none") return;
  db.exec(`BEGIN IMMEDIATE; ${TABLES} ${nodes === "new" ? FORGET_NODES : ""} COMMIT`);
}
