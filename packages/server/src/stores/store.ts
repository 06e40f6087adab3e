/**
 * The contract of every store. It is asynchronous because some stores are across a network; `contract.ts` is the suite that
 * each implementation must pass.
 *
 * Rules that hold for every store:
 *   1. A promise resolves only when what it stands for is durable (as durable as this store is).
 *   2. Appends to one log are applied in the order in which `append` was called in this process, and get consecutive
 *      sequence numbers. All records of one append become visible together or not at all. The order of calls also holds
 *      between appends and what decides about them: `deleteLog` and the calls of a lease.
 *   3. A sequence number is never given twice within an epoch, whatever crashed in between.
 *   4. A log keeps the tag of the last record that was trimmed (`base`), so a reader who stands exactly there can be proven
 *      to have missed nothing.
 *   5. Times are given by the caller; a store reads no clock.
 *
 * A call that the store cannot serve now rejects with STORE_UNAVAILABLE, alone or with those of its commit. A store in this
 * process has then changed nothing that can be seen; with a store across a network the answer may have been lost, and whoever
 * needs to know asks again: under the same idempotency key, write number, holder or token.
 *
 * Several processes, here called nodes, may work with one store at the same time (`isShared`). They meet in the store alone:
 * in logs, sessions, leases and rosters. What they tell each other in passing (hints) may be lost, late or repeated, and
 * nothing depends on it but how soon something is seen.
 */
import type { Position } from "@tachikoma/protocol";

/** Names one log. The tenant is part of it in every store. */
export interface LogKey {
  readonly tenant: string;
  readonly channel: string;
}

export type RecordType =
  | "message"
  | "chunk"
  | "execution_started"
  | "execution_restarted"
  | "execution_completed"
  | "execution_failed"
  | "execution_cancelled"
  | "execution_interrupted";

/** What a caller appends. */
export interface NewRecord {
  readonly type: RecordType;
  /** JSON text of the record's content: `data` of a message, the chunk, or the fields of an execution record. */
  readonly body: string;
  /** Client id of the author, where there is one. */
  readonly sender?: string;
  readonly executionId?: string;
  /** Sessions that do not get this record. */
  readonly exclude?: readonly string[];
}

/** What a log holds. */
export interface LogRecord extends NewRecord {
  readonly seq: number;
  readonly tag: string;
  readonly timeMs: number;
}

/**
 * How much of a log is kept. Whatever bound is reached first trims; a store may keep a little more than asked, never less:
 * by count and size a record goes only while what remains still reaches the bound, so the newest stays.
 */
export interface Retention {
  readonly maxRecords: number;
  /** Bytes of `body`. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

/** The ends of a log: records `base.seq + 1` to `head.seq` are there. */
export interface LogState {
  readonly base: Position;
  readonly head: Position;
}

export interface AppendRequest {
  readonly key: LogKey;
  /** At least one. */
  readonly records: readonly NewRecord[];
  readonly nowMs: number;
  readonly retention: Retention;
  /**
   * The same key again appends nothing and returns where the first append went, also to a caller whose fence is stale by
   * now. It belongs to its log, is remembered for `idempotencyMs`, and goes with the log.
   */
  readonly idempotencyKey?: string;
  /**
   * Appends only while this lease still carries this fence; otherwise rejects with FENCED. A lease that was taken over or
   * given up does not; one that has expired and that nobody took still does.
   */
  readonly fence?: Fence;
  /**
   * Appends only while the log ends exactly here; otherwise, and where there is no log, rejects with HEAD_MOVED. So what was
   * decided from the records up to here holds at the moment of the append, on however many nodes it is decided. An idempotency
   * key and a fence are looked at first.
   */
  readonly expectedHead?: Position;
}

export interface Fence {
  readonly lease: string;
  readonly token: number;
  /**
   * Counts the writes under this token up from 1, so that one can be asked again: the number of the last one appends nothing
   * and returns where it went; a lower one rejects with FENCED. Without a number every call appends.
   */
  readonly write?: number;
}

export interface AppendResult {
  readonly epoch: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Shared by the records of one append. */
  readonly tag: string;
  readonly timeMs: number;
  /** True when the idempotency key was known: nothing was appended now. */
  readonly isDuplicate: boolean;
}

export interface ReadRequest {
  readonly key: LogKey;
  readonly afterSeq: number;
  readonly maxRecords: number;
  /** Stops after the record that reaches this; at least one record is returned where there is one. */
  readonly maxBytes: number;
}

export interface ReadResult {
  readonly state: LogState;
  /** In order, starting at `max(afterSeq, base.seq) + 1`, without gaps. */
  readonly records: readonly LogRecord[];
}

/** A session as it is stored. */
export interface StoredSession {
  readonly tenant: string;
  readonly sessionId: string;
  readonly subject: string;
  readonly clientId: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** Confirmed position by channel, in wire form. */
  readonly positions: Readonly<Record<string, string>>;
  /** Grows with each connection that takes the session. Only the one that took it last may write it. */
  readonly holder: number;
  /** Node of that connection; empty when it has gone. */
  readonly nodeId: string;
  /** Counts what the holder wrote: what arrives late must not undo what came after it. */
  readonly revision: number;
}

/** A session that was taken, and who had it until then. */
export interface ClaimedSession {
  readonly session: StoredSession;
  /** Number under which it was held until then. */
  readonly previousHolder: number;
  /** Node of the connection that had it; empty when there was none. */
  readonly previousNodeId: string;
}

/** The durable answer to one command of one client. */
export interface StoredReceipt {
  readonly status: "accepted" | "applied" | "rejected" | "superseded";
  readonly executionId: string;
  readonly channel: string;
  readonly errorCode?: string;
}

export interface ReceiptKey {
  readonly tenant: string;
  readonly clientId: string;
  readonly commandId: string;
}

/** A right to be the only writer of something, with a number that grows with each owner. */
export interface Lease {
  readonly name: string;
  readonly owner: string;
  readonly token: number;
  readonly expiresAtMs: number;
  /** What the next owner needs to know; JSON text. */
  readonly body: string;
}

/** Names a list of what nodes vouch for: who is present in a channel, who has a connection, who watches. */
export interface RosterKey {
  readonly tenant: string;
  readonly kind: "presence" | "places" | "watchers";
  readonly name: string;
}

export interface RosterEntry {
  readonly id: string;
  /** The entry counts while this lease is held and has not expired: it goes with its node. */
  readonly lease: string;
  /** JSON text. */
  readonly value: string;
}

export interface RosterState {
  /** Another number after each change, mostly one more. */
  readonly version: number;
  /** Those that count, in no order. */
  readonly entries: readonly RosterEntry[];
}

export interface EnrollRequest {
  readonly roster: RosterKey;
  readonly entry: RosterEntry;
  readonly nowMs: number;
  /** Refuses a new entry where so many others count. */
  readonly maxEntries?: number;
}

/** What other nodes say in passing. */
export interface HintListener {
  /** A log that is followed may have grown up to here. */
  onHead(key: LogKey, head: Position): void;
  /** Another node said this about a log that is followed. */
  onNote(key: LogKey, note: string): void;
  /** Hints may have been missed: whatever is followed has to be looked at. */
  onHintsLost(): void;
}

export interface SweepResult {
  /** True when there was more to do than one slice may take: call again. */
  readonly hasMore: boolean;
}

export interface Store {
  /** Name of the kind, for logs and metrics: `memory`, `sqlite`, `redis`. */
  readonly kind: string;
  /** True when other nodes may work with the same store. */
  readonly isShared: boolean;
  /** How often one execution should append at most, at this moment; 0 where an append costs next to nothing. */
  readonly appendIntervalMs: number;

  /** Resolves when the store can serve. @throws STORE_UNAVAILABLE */
  ping(): Promise<void>;

  /** The ends of a log, which is made (empty, with a fresh epoch) where there is none. */
  openLog(key: LogKey, nowMs: number): Promise<LogState>;
  /** Makes the log where there is none. */
  append(request: AppendRequest): Promise<AppendResult>;
  /** `undefined` when there is no such log. */
  read(request: ReadRequest): Promise<ReadResult | undefined>;
  /** `undefined` when there is no such log. */
  logState(key: LogKey): Promise<LogState | undefined>;
  /** The same for many logs, in their order. */
  logStates(keys: readonly LogKey[]): Promise<readonly (LogState | undefined)[]>;
  /** What the log held is gone at once for everyone; its space may wait for a sweep. */
  deleteLog(key: LogKey): Promise<void>;

  loadSession(tenant: string, sessionId: string): Promise<StoredSession | undefined>;
  /**
   * Takes a session for a connection of this node, under a `holder` that is greater than any before: also than those of takings that
   * the store may have lost. `undefined` when there is no such session.
   */
  claimSession(tenant: string, sessionId: string, nodeId: string): Promise<ClaimedSession | undefined>;
  /**
   * Writes a session. False when it was taken since, which writes nothing. What carries a lower revision than what is stored
   * is true and writes nothing.
   */
  saveSession(session: StoredSession): Promise<boolean>;
  deleteSession(tenant: string, sessionId: string): Promise<void>;

  /** Stores the receipt unless there is one under this key; returns the one that is stored now. */
  claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt>;
  /** Replaces a receipt; does nothing where there is none. */
  updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void>;

  /**
   * Takes the lease when it is free or has expired at `nowMs`, with a token greater than any before it. `undefined` while
   * anyone has it, the same owner included.
   */
  acquireLease(
    name: string,
    owner: string,
    ttlMs: number,
    nowMs: number,
    body: string,
  ): Promise<Lease | undefined>;
  /** The lease as it is stored, expired or not; `undefined` when it was never taken or has been given up. */
  findLease(name: string): Promise<Lease | undefined>;
  /** Extends the lease; false when it is not this owner's any more. One that has expired and was not taken still is. */
  renewLease(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean>;
  /**
   * Gives the lease up. A stale token releases nothing. Nor does one from before a failover that may have lost something: what was
   * written under it may be gone, so the lease is left to expire, and whoever finds it then sees what is missing.
   */
  releaseLease(name: string, token: number): Promise<void>;
  /** Leases whose name starts with `prefix` and whose owner has let them expire, at most `limit`, the oldest first. */
  expiredLeases(prefix: string, nowMs: number, limit: number): Promise<readonly Lease[]>;

  /** Puts an entry in the place of the one with its id; returns the roster's version, `undefined` when it is full. */
  enroll(request: EnrollRequest): Promise<number | undefined>;
  /** Removes exactly this entry; returns the roster's version, `undefined` when it is not there or says something else. */
  strike(roster: RosterKey, entry: RosterEntry): Promise<number | undefined>;
  readRoster(roster: RosterKey, nowMs: number): Promise<RosterState>;
  /** Removes all entries that stand under a lease; returns the rosters they were in. */
  strikeLease(lease: string): Promise<readonly RosterKey[]>;

  /** Who gets the hints. One listener at a time; called once, before anything is followed. */
  listen(listener: HintListener): void;
  /** From when it resolves, the listener hears of what others append to the log and say about it. */
  follow(key: LogKey): Promise<void>;
  unfollow(key: LogKey): void;
  /** Says something about a log to the other nodes that follow it. */
  say(key: LogKey, note: string): void;

  /**
   * Removes what has outlived its time, a bounded slice at a time: records past the age that their log's latest append
   * asked for, logs that are empty, remember no idempotency key and were not appended to for `idleLogMs`, sessions and
   * receipts past their expiry, idempotency keys older than `idempotencyMs`. Leases and rosters stay until they are given up.
   */
  sweep(request: SweepRequest): Promise<SweepResult>;

  /** Answers what was called before. What is called afterwards rejects, unless the store lives as long as its object. */
  close(): Promise<void>;
}

export interface SweepRequest {
  readonly nowMs: number;
  readonly idleLogMs: number;
  readonly idempotencyMs: number;
}
