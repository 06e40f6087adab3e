/**
 * Runs the calls of a batch on the database. Its writes are one transaction: a call that is refused (FENCED) is refused
 * before it wrote anything and leaves the others alone; a fault of the database undoes and fails them all.
 *
 * Where a fault concerns only some of them (what cannot be stored, what touches a damaged page) the batch is halved until
 * those are alone, so that all others get through.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { LogKey } from "../store.ts";
import { FencedWriteTable } from "./fenced-write-table.ts";
import { FencedWrites } from "./fenced-writes.ts";
import { FreeSpace } from "./free-space.ts";
import { IdempotencyTable } from "./idempotency-table.ts";
import { LeaseTable } from "./lease-table.ts";
import { LogTable, logStateOf } from "./log-table.ts";
import { LogWriter } from "./log-writer.ts";
import { PieceTable } from "./piece-table.ts";
import { placeOfLog, type Quarantine } from "./quarantine.ts";
import { ReceiptTable } from "./receipt-table.ts";
import { Refusal } from "./refusal.ts";
import { RosterTable } from "./roster-table.ts";
import { SessionTable } from "./session-table.ts";
import type { Answers, Failure, ReadCall, Reads, WriteCall, WriteFault, Writes } from "./sqlite-call.ts";
import type { OwnedDatabase } from "./sqlite-database.ts";
import { databaseHolder, isDamage, isRequestFault, requestFailure, writeFaultOf } from "./sqlite-fault.ts";
import { Sweeper, type SweepTables } from "./sqlite-sweep.ts";

export class BatchExecutor {
  readonly #db: DatabaseSync;
  readonly #path: string;
  readonly #tables: SweepTables;
  readonly #quarantine: Quarantine;
  readonly #writer: LogWriter;
  readonly #writes: Writes;
  readonly #reads: Reads;
  #isFailing = false;

  constructor({ db, path, keepsNodeState }: OwnedDatabase, originTag: string, quarantine: Quarantine) {
    this.#db = db;
    this.#path = path;
    this.#quarantine = quarantine;
    this.#tables = {
      logs: new LogTable(db, originTag),
      pieces: new PieceTable(db),
      idempotency: new IdempotencyTable(db),
      leases: new LeaseTable(db),
      fencedWrites: new FencedWrites(keepsNodeState ? new FencedWriteTable(db) : undefined),
      sessions: new SessionTable(db),
      receipts: new ReceiptTable(db),
    };
    this.#writer = new LogWriter(db, this.#tables, quarantine);
    const freeSpace = new FreeSpace(db);
    const sweeper = new Sweeper(db, this.#tables, { writer: this.#writer, freeSpace, quarantine });
    const rosters = keepsNodeState ? new RosterTable(db) : undefined;
    this.#writes = { ...writesOn(db, this.#tables, this.#writer, sweeper), ...rosterWritesOn(rosters) };
    this.#reads = {
      ...readsOn(this.#tables, db.prepare("SELECT is_clean FROM last_run")),
      readRoster: (roster, nowMs) => present(rosters).read(roster, nowMs),
    };
  }

  runWrites(calls: readonly WriteCall[]): Answers {
    const closedBefore = this.#quarantine.size;
    try {
      return this.#commit(calls);
    } catch (error) {
      this.#rollBack();
      // What touched the damage is refused now: the others have their way to themselves.
      if (this.#quarantine.size > closedBefore) return this.runWrites(calls);
      const isApart = isRequestFault(error) || isDamage(error);
      if (isApart && calls.length > 1) return this.#runHalves(calls);
      if (isDamage(error)) this.#quarantine.note(`what ${calls[0]?.name} needs`, error);
      const fault = writeFaultOf(error);
      this.#isFailing = fault !== undefined;
      return failed(calls, this.#failureOf(error, fault), fault);
    }
  }

  runReads(calls: readonly ReadCall[]): Answers {
    const failures = new Map<number, Failure>();
    const values = calls.map((call, index) => {
      try {
        return dispatch(this.#reads, call);
      } catch (error) {
        if (isDamage(error)) this.#quarantine.note(placeOfRead(call), error);
        failures.set(index, requestFailure(error));
        return undefined;
      }
    });
    return { values, failures };
  }

  #commit(calls: readonly WriteCall[]): Answers {
    const failures = new Map<number, Failure>();
    this.#db.exec("BEGIN IMMEDIATE");
    // A commit that had nothing to write proves nothing: writing works again when it was tried.
    if (this.#isFailing) writeSomething(this.#db);
    const values = calls.map((call, index) => {
      try {
        return dispatch(this.#writes, call);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        failures.set(index, requestFailure(error));
        return undefined;
      }
    });
    this.#writer.flush();
    this.#tables.fencedWrites.write();
    this.#db.exec("COMMIT");
    this.#isFailing = false;
    this.#tables.fencedWrites.commit();
    this.#tables.logs.evictSurplus();
    return { values, failures };
  }

  #runHalves(calls: readonly WriteCall[]): Answers {
    const middle = calls.length >>> 1;
    const first = this.runWrites(calls.slice(0, middle));
    const second = this.runWrites(calls.slice(middle));
    const failures = new Map(first.failures);
    for (const [index, failure] of second.failures) failures.set(middle + index, failure);
    const fault = first.fault ?? second.fault;
    return { values: [...first.values, ...second.values], failures, ...(fault && { fault }) };
  }

  #failureOf(error: unknown, fault: WriteFault | undefined): Failure {
    const failure = requestFailure(error);
    if (fault !== "locked") return failure;
    const holder = databaseHolder(this.#path);
    return { ...failure, message: `The database is locked by ${holder}`, cause: `locked by ${holder}` };
  }

  #rollBack(): void {
    this.#writer.forget();
    try {
      this.#db.exec("ROLLBACK");
    } catch {
      // SQLite has already rolled back by itself, as it does on some faults; or BEGIN failed.
    }
  }
}

function failed(calls: readonly WriteCall[], failure: Failure, fault: WriteFault | undefined): Answers {
  return {
    values: calls.map(() => undefined),
    failures: new Map(calls.map((_, index) => [index, failure])),
    ...(fault && { fault }),
  };
}

function placeOfRead(call: ReadCall): string {
  if (call.name === "read") return placeOfLog(call.args[0].key);
  return call.name === "logState" ? placeOfLog(call.args[0]) : `what ${call.name} needs`;
}

function dispatch(target: Writes | Reads, call: WriteCall | ReadCall): unknown {
  const method = target[call.name as keyof typeof target] as (...args: readonly unknown[]) => unknown;
  return method(...call.args);
}

/** Changes nothing in the end; what a transaction has changed in between is written. One statement would be left out. */
function writeSomething(db: DatabaseSync): void {
  db.exec("UPDATE last_run SET is_clean = 1; UPDATE last_run SET is_clean = 0");
}

type RosterWrites = Pick<Writes, "enroll" | "strike" | "strikeLease">;

function rosterWritesOn(rosters: RosterTable | undefined): RosterWrites {
  return {
    enroll: (request) => present(rosters).enroll(request),
    strike: (roster, entry) => present(rosters).strike(roster, entry),
    strikeLease: (lease) => present(rosters).strikeLease(lease),
  };
}

function present(rosters: RosterTable | undefined): RosterTable {
  if (rosters === undefined) throw new Error("The rosters of this store are in memory");
  return rosters;
}

function writesOn(
  db: DatabaseSync,
  tables: SweepTables,
  writer: LogWriter,
  sweeper: Sweeper,
): Omit<Writes, keyof RosterWrites> {
  const { leases, sessions, receipts, fencedWrites } = tables;
  return {
    openLog: (key, freshEpoch, nowMs) => writer.open(key, freshEpoch, nowMs),
    append: (request, tag, freshEpoch) => writer.append(request, tag, freshEpoch),
    deleteLog: (key) => writer.delete(key),
    claimSession: (tenant, sessionId, nodeId) => sessions.claim(tenant, sessionId, nodeId),
    saveSession: (session) => sessions.save(session),
    deleteSession: (tenant, sessionId) => sessions.delete(tenant, sessionId),
    claimReceipt: (key, receipt, expiresAtMs) => receipts.claim(key, receipt, expiresAtMs),
    updateReceipt: (key, receipt) => receipts.update(key, receipt),
    acquireLease: (name, owner, ttlMs, nowMs, body) => leases.acquire(name, owner, ttlMs, nowMs, body),
    renewLease: (name, token, ttlMs, nowMs) => leases.renew(name, token, ttlMs, nowMs),
    releaseLease: (name, token) => {
      if (leases.release(name, token)) fencedWrites.drop(name);
    },
    sweep: (request) => sweeper.sweep(request),
    tryToWrite: () => writeSomething(db),
  };
}

function readsOn(
  { logs, pieces, leases, sessions }: SweepTables,
  selectLastRun: StatementSync,
): Omit<Reads, "readRoster"> {
  const stateOf = (key: LogKey) => {
    const log = logs.find(key);
    return log && logStateOf(log);
  };
  return {
    read: ({ key, afterSeq, maxRecords, maxBytes }) => {
      const log = logs.find(key);
      if (log === undefined) return undefined;
      const isAtHead = afterSeq >= log.headSeq;
      const packed = isAtHead ? undefined : pieces.readAfter(log, afterSeq, maxRecords, maxBytes);
      return { state: logStateOf(log), packed };
    },
    logState: stateOf,
    logStates: (keys) => keys.map(stateOf),
    loadSession: (tenant, sessionId) => sessions.load(tenant, sessionId),
    findLease: (name) => leases.find(name),
    expiredLeases: (prefix, nowMs, limit) => leases.expired(prefix, nowMs, limit),
    tryToRead: () => {
      selectLastRun.get();
    },
  };
}
