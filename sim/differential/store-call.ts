/** Calls of a store as data: the same sequence can be made on two stores, and made again from its seed. */
import type { NewRecord, RosterKey } from "../../packages/server/src/stores/store.ts";
import { Dice } from "../dice.ts";

/** Names a token by the lease that got it, and by how many it got since: what a token is, each store decides for itself. */
export interface TokenRef {
  readonly lease: string;
  readonly behind: number;
}

export type StoreCall =
  | {
      readonly kind: "append";
      readonly channel: string;
      readonly records: readonly NewRecord[];
      readonly retention: number;
      readonly idempotencyKey?: string | undefined;
      readonly fence?: (TokenRef & { readonly write?: number | undefined }) | undefined;
      /** The end that the latest append to this log, or the opening of it, left behind; or another one. */
      readonly head?: "known" | "other" | undefined;
    }
  | {
      readonly kind: "read";
      readonly channel: string;
      readonly afterSeq: number;
      readonly maxRecords: number;
      readonly maxBytes: number;
    }
  | { readonly kind: "openLog" | "logState" | "deleteLog"; readonly channel: string }
  | { readonly kind: "logStates"; readonly channels: readonly string[] }
  | {
      readonly kind: "saveSession";
      readonly id: string;
      /** So many takings of the session ago; one that was never taken is under 1. */
      readonly behind: number;
      readonly revision: number;
      readonly ttlMs: number;
      readonly text: string;
    }
  | { readonly kind: "claimSession"; readonly id: string; readonly node: string }
  | { readonly kind: "loadSession" | "deleteSession"; readonly id: string }
  | { readonly kind: "claimReceipt"; readonly id: string; readonly text: string; readonly ttlMs: number }
  | { readonly kind: "updateReceipt"; readonly id: string; readonly text: string }
  | { readonly kind: "acquireLease"; readonly lease: string; readonly owner: string; readonly ttlMs: number }
  | { readonly kind: "findLease"; readonly lease: string }
  | { readonly kind: "renewLease"; readonly token: TokenRef; readonly ttlMs: number }
  | { readonly kind: "releaseLease"; readonly token: TokenRef }
  | { readonly kind: "expiredLeases"; readonly prefix: string }
  | {
      readonly kind: "enroll";
      readonly roster: RosterKey["kind"];
      readonly id: string;
      readonly lease: string;
      readonly value: string;
      readonly maxEntries?: number | undefined;
    }
  | {
      readonly kind: "strike";
      readonly roster: RosterKey["kind"];
      readonly id: string;
      readonly lease: string;
      readonly value: string;
    }
  | { readonly kind: "readRoster"; readonly roster: RosterKey["kind"] }
  | { readonly kind: "strikeLease"; readonly lease: string }
  | { readonly kind: "sweep" }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "cutReplica" | "promoteReplica" | "restart" | "restartEmpty" };

const CHANNELS = ["chat:1", "chat:2", "spec:1"] as const;
const LEASES = ["execution:1", "execution:2", "node:a"] as const;
const ROSTERS = ["presence", "places"] as const;
const IDS = ["i1", "i2", "i3"] as const;
/** Never a multiple of what `wait` can sum up to: what happens in the very millisecond is left to the store. */
const TTLS = [195, 995] as const;

const MIX: readonly (readonly [weight: number, make: (dice: Dice) => StoreCall])[] = [
  [12, append],
  [6, read],
  [2, (dice) => ({ kind: dice.pick(["openLog", "logState"]), channel: dice.pick(CHANNELS) })],
  [2, () => ({ kind: "logStates", channels: [...CHANNELS, "none"] })],
  [1, (dice) => ({ kind: "deleteLog", channel: dice.pick(CHANNELS) })],
  [3, saveSession],
  [2, (dice) => ({ kind: "claimSession", id: dice.pick(IDS), node: dice.pick(["a", "b"]) })],
  [2, (dice) => ({ kind: dice.pick(["loadSession", "loadSession", "deleteSession"]), id: dice.pick(IDS) })],
  [
    2,
    (dice) => ({ kind: "claimReceipt", id: dice.pick(IDS), text: dice.random.id(3), ttlMs: dice.pick(TTLS) }),
  ],
  [1, (dice) => ({ kind: "updateReceipt", id: dice.pick(IDS), text: dice.random.id(3) })],
  [4, acquireLease],
  [1, (dice) => ({ kind: "findLease", lease: dice.pick(LEASES) })],
  [2, (dice) => ({ kind: "renewLease", token: tokenRef(dice), ttlMs: dice.pick(TTLS) })],
  [2, (dice) => ({ kind: "releaseLease", token: tokenRef(dice) })],
  [2, (dice) => ({ kind: "expiredLeases", prefix: dice.pick(["", "execution:", "node:"]) })],
  [4, enroll],
  [3, (dice) => ({ kind: "strike", roster: dice.pick(ROSTERS), ...entry(dice) })],
  [3, (dice) => ({ kind: "readRoster", roster: dice.pick(ROSTERS) })],
  [1, (dice) => ({ kind: "strikeLease", lease: dice.pick(LEASES) })],
  [2, () => ({ kind: "sweep" })],
  [4, (dice) => ({ kind: "wait", ms: dice.pick([10, 100, 300, 1_000]) })],
  [1, (dice) => ({ kind: dice.pick(["cutReplica", "promoteReplica", "promoteReplica", "restart"]) })],
  [0.1, () => ({ kind: "restartEmpty" })],
];

/** The sequence of a seed. */
export function callsOf(seed: number, count: number): StoreCall[] {
  const dice = new Dice(seed);
  return Array.from({ length: count }, () => MIX[dice.weighted(MIX.map(([weight]) => weight))]![1](dice));
}

function append(dice: Dice): StoreCall {
  const record = (): NewRecord => ({
    type: "chunk",
    body: JSON.stringify(dice.chance(0.1) ? "ü".repeat(60) : dice.random.id(dice.between(0, 30))),
    executionId: "e1",
    ...(dice.chance(0.2) ? { sender: dice.pick(IDS) } : {}),
    ...(dice.chance(0.1) ? { exclude: [dice.pick(IDS)] } : {}),
  });
  return {
    kind: "append",
    channel: dice.pick(CHANNELS),
    records: Array.from({ length: dice.between(1, 4) }, record),
    retention: dice.between(0, 3),
    idempotencyKey: dice.chance(0.3) ? dice.pick(["k1", "k2", "k3"]) : undefined,
    fence: dice.chance(0.4)
      ? { ...tokenRef(dice), write: dice.chance(0.7) ? dice.between(1, 4) : undefined }
      : undefined,
    head: dice.chance(0.2) ? dice.pick(["known", "known", "known", "other"]) : undefined,
  };
}

function read(dice: Dice): StoreCall {
  return {
    kind: "read",
    channel: dice.pick(CHANNELS),
    afterSeq: dice.between(0, 30),
    maxRecords: dice.between(1, 12),
    maxBytes: dice.pick([1, 40, 500]),
  };
}

function saveSession(dice: Dice): StoreCall {
  return {
    kind: "saveSession",
    id: dice.pick(IDS),
    behind: dice.pick([0, 0, 1]),
    revision: dice.between(1, 4),
    ttlMs: dice.pick(TTLS),
    text: dice.random.id(3),
  };
}

function acquireLease(dice: Dice): StoreCall {
  return {
    kind: "acquireLease",
    lease: dice.pick(LEASES),
    owner: dice.pick(["a", "b"]),
    ttlMs: dice.pick(TTLS),
  };
}

function enroll(dice: Dice): StoreCall {
  const maxEntries = dice.chance(0.4) ? dice.between(1, 2) : undefined;
  return { kind: "enroll", roster: dice.pick(ROSTERS), ...entry(dice), maxEntries };
}

function entry(dice: Dice) {
  return { id: dice.pick(IDS), lease: dice.pick(LEASES), value: dice.pick(["1", "2"]) };
}

function tokenRef(dice: Dice): TokenRef {
  return { lease: dice.pick(LEASES), behind: dice.pick([0, 0, 0, 1]) };
}
