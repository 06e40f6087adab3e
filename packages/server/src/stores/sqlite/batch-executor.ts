/**
 * Runs the calls of a batch on the database. Its writes are one transaction: a call that is refused (FENCED) is refused
 * before it wrote anything and leaves the others alone; a fault of the database undoes and fails them all.
 */

import type { DatabaseSync } from "node:sqlite";
import { IdempotencyTable } from "./idempotency-table.ts";
import { LeaseTable } from "./lease-table.ts";
import { LogTable, logStateOf } from "./log-table.ts";
import { LogWriter } from "./log-writer.ts";
import { PieceTable } from "./piece-table.ts";
import { ReceiptTable } from "./receipt-table.ts";
import { Refusal } from "./refusal.ts";
import { SessionTable } from "./session-table.ts";
import type { Answers, Failure, ReadCall, Reads, WriteCall, Writes } from "./sqlite-call.ts";
import { isRequestFault, requestFailure } from "./sqlite-fault.ts";
import { Sweeper, type SweepTables } from "./sqlite-sweep.ts";

export class BatchExecutor {
  readonly #db: DatabaseSync;
  readonly #tables: SweepTables;
  readonly #writer: LogWriter;
  readonly #writes: Writes;
  readonly #reads: Reads;

  constructor(db: DatabaseSync, originTag: string) {
    this.#db = db;
    this.#tables = {
      logs: new LogTable(db, originTag),
      pieces: new PieceTable(db),
      idempotency: new IdempotencyTable(db),
      leases: new LeaseTable(db),
      sessions: new SessionTable(db),
      receipts: new ReceiptTable(db),
    };
    this.#writer = new LogWriter(db, this.#tables);
    this.#writes = writesOn(this.#tables, this.#writer, new Sweeper(db, this.#tables, this.#writer));
    this.#reads = readsOn(this.#tables);
  }

  runWrites(calls: readonly WriteCall[]): Answers {
    const failures = new Map<number, Failure>();
    try {
      this.#db.exec("BEGIN IMMEDIATE");
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
      this.#db.exec("COMMIT");
      this.#tables.logs.evictSurplus();
      return { values, failures };
    } catch (error) {
      this.#rollBack();
      if (calls.length > 1 && isRequestFault(error)) return this.#runApart(calls);
      const failure = requestFailure(error);
      return { values: [], failures: new Map(calls.map((_, index) => [index, failure])) };
    }
  }

  runReads(calls: readonly ReadCall[]): Answers {
    const failures = new Map<number, Failure>();
    const values = calls.map((call, index) => {
      try {
        return dispatch(this.#reads, call);
      } catch (error) {
        failures.set(index, requestFailure(error));
        return undefined;
      }
    });
    return { values, failures };
  }

  /** One of the calls cannot be stored, and it is not known which: each gets its own transaction. */
  #runApart(calls: readonly WriteCall[]): Answers {
    const values: unknown[] = [];
    const failures = new Map<number, Failure>();
    for (const [index, call] of calls.entries()) {
      const answers = this.runWrites([call]);
      values.push(answers.values[0]);
      const failure = answers.failures.get(0);
      if (failure !== undefined) failures.set(index, failure);
    }
    return { values, failures };
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

function dispatch(target: Writes | Reads, call: WriteCall | ReadCall): unknown {
  const method = target[call.name as keyof typeof target] as (...args: readonly unknown[]) => unknown;
  return method(...call.args);
}

function writesOn({ leases, sessions, receipts }: SweepTables, writer: LogWriter, sweeper: Sweeper): Writes {
  return {
    openLog: (key, freshEpoch, nowMs) => writer.open(key, freshEpoch, nowMs),
    append: (request, tag, freshEpoch) => writer.append(request, tag, freshEpoch),
    deleteLog: (key) => writer.delete(key),
    saveSession: (session) => sessions.save(session),
    deleteSession: (tenant, sessionId) => sessions.delete(tenant, sessionId),
    claimReceipt: (key, receipt, expiresAtMs) => receipts.claim(key, receipt, expiresAtMs),
    updateReceipt: (key, receipt) => receipts.update(key, receipt),
    acquireLease: (name, owner, ttlMs, nowMs, body) => leases.acquire(name, owner, ttlMs, nowMs, body),
    renewLease: (name, token, ttlMs, nowMs) => leases.renew(name, token, ttlMs, nowMs),
    releaseLease: (name, token) => leases.release(name, token),
    sweep: (request) => sweeper.sweep(request),
  };
}

function readsOn({ logs, pieces, leases, sessions }: SweepTables): Reads {
  return {
    read: ({ key, afterSeq, maxRecords, maxBytes }) => {
      const log = logs.find(key);
      if (log === undefined) return undefined;
      const isAtHead = afterSeq >= log.headSeq;
      const packed = isAtHead ? undefined : pieces.readAfter(log.logId, afterSeq, maxRecords, maxBytes);
      return { state: logStateOf(log), packed };
    },
    logState: (key) => {
      const log = logs.find(key);
      return log && logStateOf(log);
    },
    loadSession: (tenant, sessionId) => sessions.load(tenant, sessionId),
    expiredLeases: (prefix, nowMs, limit) => leases.expired(prefix, nowMs, limit),
  };
}
