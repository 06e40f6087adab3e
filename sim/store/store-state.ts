/** Everything that a server of the simulated store holds. Values are replaced, not changed, except for those of logs. */
import type {
  AppendResult,
  Lease,
  LogKey,
  ReceiptKey,
  RosterEntry,
  RosterKey,
  StoredReceipt,
  StoredSession,
} from "../../packages/server/src/stores/store.ts";
import { copyLog, type LogSim } from "./log-sim.ts";

export interface StoreState {
  /** Counts the servers: each may miss what the one before had answered last. */
  readonly generation: number;
  /** The last one that was given: tokens of leases and versions of rosters come from one counter. */
  lastNumber: number;
  readonly logs: Map<string, LogSim>;
  readonly leases: Map<string, LeaseSim>;
  readonly lastWrites: Map<string, LastWrite>;
  readonly sessions: Map<string, StoredSession>;
  readonly receipts: Map<string, ReceiptSim>;
  readonly rosters: Map<string, RosterSim>;
}

export interface LeaseSim extends Lease {
  /** Of the store, when it was taken. */
  readonly generation: number;
}

/** The newest numbered write under a lease. */
export interface LastWrite {
  readonly number: number;
  readonly result: AppendResult;
}

export interface ReceiptSim {
  readonly value: StoredReceipt;
  readonly expiresAtMs: number;
}

export interface RosterSim {
  readonly key: RosterKey;
  readonly version: number;
  readonly entries: ReadonlyMap<string, RosterEntry>;
}

/** Each generation has numbers of its own, beyond any that a lost tail can have given away. */
const NUMBERS_PER_GENERATION = 2 ** 27;

export function emptyState(generation: number): StoreState {
  return {
    generation,
    lastNumber: firstNumberOf(generation),
    logs: new Map(),
    leases: new Map(),
    lastWrites: new Map(),
    sessions: new Map(),
    receipts: new Map(),
    rosters: new Map(),
  };
}

export function copyState(state: StoreState): StoreState {
  return {
    ...state,
    logs: new Map([...state.logs].map(([id, log]) => [id, copyLog(log)])),
    leases: new Map(state.leases),
    lastWrites: new Map(state.lastWrites),
    sessions: new Map(state.sessions),
    receipts: new Map(state.receipts),
    rosters: new Map(state.rosters),
  };
}

/** The same content behind another server. */
export function servedBy(state: StoreState, generation: number): StoreState {
  return { ...state, generation, lastNumber: firstNumberOf(generation) };
}

export function firstNumberOf(generation: number): number {
  return generation * NUMBERS_PER_GENERATION;
}

export function isLive(state: StoreState, lease: string, nowMs: number): boolean {
  const found = state.leases.get(lease);
  return found !== undefined && found.expiresAtMs > nowMs;
}

export function logId({ tenant, channel }: LogKey): string {
  return join(tenant, channel);
}

export function sessionId(tenant: string, id: string): string {
  return join(tenant, id);
}

export function receiptId({ tenant, clientId, commandId }: ReceiptKey): string {
  return join(tenant, clientId, commandId);
}

export function rosterId({ tenant, kind, name }: RosterKey): string {
  return join(tenant, kind, name);
}

/** No name of a simulation has the separator in it. */
function join(...names: readonly string[]): string {
  return names.join("\n");
}
