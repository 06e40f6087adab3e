/** What the main side and the worker say to each other. */
import type { ErrorCode } from "@tachikoma/protocol";
import type {
  AppendRequest,
  AppendResult,
  ClaimedSession,
  EnrollRequest,
  Lease,
  LogKey,
  LogState,
  ReadRequest,
  ReceiptKey,
  RosterEntry,
  RosterKey,
  RosterState,
  StoredReceipt,
  StoredSession,
  SweepRequest,
  SweepResult,
} from "../store.ts";
import type { NodesElsewhere } from "./node-state.ts";
import type { PackedRecords } from "./sqlite-piece.ts";

/** The calls that change something. All writes of a batch are one transaction. */
export interface Writes {
  openLog(key: LogKey, freshEpoch: string, nowMs: number): LogState;
  append(request: AppendRequest, tag: string, freshEpoch: string): AppendResult;
  deleteLog(key: LogKey): void;
  claimSession(tenant: string, sessionId: string, nodeId: string): ClaimedSession | undefined;
  saveSession(session: StoredSession): boolean;
  deleteSession(tenant: string, sessionId: string): void;
  claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): StoredReceipt;
  updateReceipt(key: ReceiptKey, receipt: StoredReceipt): void;
  acquireLease(name: string, owner: string, ttlMs: number, nowMs: number, body: string): Lease | undefined;
  renewLease(name: string, token: number, ttlMs: number, nowMs: number): boolean;
  releaseLease(name: string, token: number): void;
  enroll(request: EnrollRequest): number | undefined;
  strike(roster: RosterKey, entry: RosterEntry): number | undefined;
  strikeLease(lease: string): readonly RosterKey[];
  sweep(request: SweepRequest): SweepResult;
  tryToWrite(): void;
}

/** The calls that only look. They see what was committed, and run after the writes of their batch. */
export interface Reads {
  read(
    request: ReadRequest,
  ): { readonly state: LogState; readonly packed: PackedRecords | undefined } | undefined;
  logState(key: LogKey): LogState | undefined;
  logStates(keys: readonly LogKey[]): readonly (LogState | undefined)[];
  loadSession(tenant: string, sessionId: string): StoredSession | undefined;
  findLease(name: string): Lease | undefined;
  expiredLeases(prefix: string, nowMs: number, limit: number): readonly Lease[];
  readRoster(roster: RosterKey, nowMs: number): RosterState;
  tryToRead(): void;
}

type CallTo<Calls> = {
  [Name in keyof Calls]: Calls[Name] extends (...args: infer Args) => unknown
    ? { readonly name: Name; readonly args: Args }
    : never;
}[keyof Calls];

export type WriteCall = CallTo<Writes>;
export type ReadCall = CallTo<Reads>;

export interface Batch {
  readonly writes: readonly WriteCall[];
  readonly reads: readonly ReadCall[];
}

/** An error on its way between threads. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly cause?: string;
}

/** Why nothing can be written: no room, another process holds the file, writing is not allowed, the disk reports errors. */
export type WriteFault = "full" | "locked" | "read-only" | "failing";

/** The answers to the writes, or to the reads, of one batch: in the order of the calls. */
export interface Answers {
  readonly values: readonly unknown[];
  readonly failures: ReadonlyMap<number, Failure>;
  readonly fault?: WriteFault;
}

/** What the operator should know and no caller asked for. */
export type Notice =
  | { readonly kind: "damaged"; readonly place: string; readonly reason: string }
  | { readonly kind: "pinned"; readonly byteCount: number };

export type Durability = "power-loss" | "process-crash";

export interface DatabaseSettings {
  readonly path: string;
  readonly durability: Durability;
  readonly lockTimeoutMs: number;
  readonly maxFileBytes: number;
  /** Replaces the epoch of every log where continuity with the last run cannot be proven. */
  readonly freshEpoch: string;
  /** Tag of the place before the first record of a log. */
  readonly originTag: string;
  readonly nodesElsewhere: NodesElsewhere;
}

export type ToWorker = { readonly type: "batch"; readonly batch: Batch } | { readonly type: "close" };

export type FromWorker =
  | {
      readonly type: "ready";
      readonly hasRenewedEpochs: boolean;
      /** Schema version that the file had, where this server has brought it up to date. */
      readonly upgradedFrom: number | undefined;
    }
  | { readonly type: "refused"; readonly failure: Failure }
  | { readonly type: "written"; readonly answers: Answers }
  | { readonly type: "read"; readonly answers: Answers }
  | { readonly type: "notice"; readonly notice: Notice }
  | { readonly type: "closed"; readonly failure?: Failure };
