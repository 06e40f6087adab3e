import type { Random } from "../../core/ports.ts";
import type {
  AppendRequest,
  AppendResult,
  LogKey,
  LogRecord,
  NewRecord,
  Retention,
  Store,
} from "../store.ts";

export interface StoreFixture {
  readonly store: Store;
  /** Another node on the same data, for stores that are shared; closed by `dispose`. */
  readonly openAnother?: () => Promise<Store>;
  dispose(): Promise<void>;
}

export interface ContractOptions {
  /** Records that a store may keep beyond what retention asks for, because it trims larger pieces than one record. */
  readonly slackRecords: number;
  /** True for a store that several nodes share. @default false */
  readonly isShared?: boolean;
}

/** What a group of the contract gets: the store of the running test. */
export interface ContractSubject {
  readonly slackRecords: number;
  readonly hasNodes: boolean;
  readonly store: Store;
  readonly openAnother: (() => Promise<Store>) | undefined;
}

export const CHAT: LogKey = { tenant: "acme", channel: "chat:1" };
export const NOW_MS = 1_760_000_000_000;
export const KEEP_ALL: Retention = {
  maxRecords: 1_000_000,
  maxBytes: 1_000_000_000,
  maxAgeMs: 1_000_000_000_000,
};

export function message(body: string): NewRecord {
  return { type: "message", body };
}

/** Appends one record per body, all in one append. */
export function append(
  store: Store,
  bodies: readonly string[],
  overrides: Partial<AppendRequest> = {},
): Promise<AppendResult> {
  return store.append({
    key: CHAT,
    records: bodies.map(message),
    nowMs: NOW_MS,
    retention: KEEP_ALL,
    ...overrides,
  });
}

/** All that a log holds, fetched in pages of the given size. */
export async function readAll(store: Store, key: LogKey = CHAT, pageRecords = 1000): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let afterSeq = 0; ; ) {
    const page = await store.read({ key, afterSeq, maxRecords: pageRecords, maxBytes: 10_000_000 });
    const last = page?.records.at(-1);
    if (last === undefined) return records;
    records.push(...page!.records);
    afterSeq = last.seq;
  }
}

export async function bodiesOf(store: Store, key: LogKey = CHAT): Promise<string[]> {
  return (await readAll(store, key)).map(({ body }) => body);
}

/** Sweeps until nothing is left to do; returns how many slices it took. */
export async function sweepAll(
  store: Store,
  nowMs: number,
  { idleLogMs = 1e12, idempotencyMs = 1e12 } = {},
): Promise<number> {
  for (let sliceCount = 1; sliceCount <= 10_000; sliceCount++) {
    if (!(await store.sweep({ nowMs, idleLogMs, idempotencyMs })).hasMore) return sliceCount;
  }
  throw new Error("A sweep still had more to do after 10,000 slices");
}

/** A `Random` that gives the same values for the same seed (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const id = (chars: number) =>
    Array.from({ length: chars }, () => Math.floor(fraction() * 36).toString(36)).join("");
  return { id, fraction };
}
