/** One sequence of calls, made on two stores; their answers have to be the same, up to the names that each makes by itself. */
import { ORIGIN_TAG, type Position } from "@tachikoma/protocol";
import type {
  AppendRequest,
  AppendResult,
  LogState,
  Retention,
  RosterEntry,
  RosterKey,
  Store,
} from "../../packages/server/src/stores/store.ts";
import { Bijection } from "./bijection.ts";
import type { StoreCall, TokenRef } from "./store-call.ts";
import type { Subject } from "./subject.ts";

const TENANT = "acme";
const NOW_MS = 1_800_000_000_000;
const IDLE_LOG_MS = 1_995;
const IDEMPOTENCY_MS = 995;
const RETENTIONS: readonly Retention[] = [
  { maxRecords: 1_000, maxBytes: 1_000_000, maxAgeMs: 1_000_000 },
  { maxRecords: 5, maxBytes: 1_000_000, maxAgeMs: 1_000_000 },
  { maxRecords: 1_000, maxBytes: 300, maxAgeMs: 1_000_000 },
  { maxRecords: 1_000, maxBytes: 1_000_000, maxAgeMs: 495 },
];

export interface Difference {
  readonly index: number;
  readonly call: StoreCall;
  readonly path: string;
  readonly answers: readonly [unknown, unknown];
}

/** `undefined` when both stores answered every call alike. */
export async function findDifference(
  calls: readonly StoreCall[],
  subjects: readonly [Subject, Subject],
): Promise<Difference | undefined> {
  const [here, there] = [new Caller(subjects[0]), new Caller(subjects[1])];
  const names = new Map<string, Bijection>();
  await Promise.all(subjects.map((subject) => subject.clear()));
  for (const [index, call] of calls.entries()) {
    const answers = [await here.make(call), await there.make(call)] as const;
    const path = differencePath(answers[0], answers[1], names);
    if (path !== undefined) return { index, call, path, answers };
  }
  return undefined;
}

/** Makes the calls on one store, with the tokens that this one gave. */
class Caller {
  readonly #subject: Subject;
  readonly #tokens = new Map<string, number[]>();
  /** Numbers under which each session was taken. */
  readonly #holders = new Map<string, number[]>();
  /** Where each log ended when it was opened or appended to. */
  readonly #heads = new Map<string, Position>();
  #nowMs = NOW_MS;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  async make(call: StoreCall): Promise<unknown> {
    try {
      return (await this.#made(call)) ?? "nothing";
    } catch (thrown) {
      const code = (thrown as { readonly code?: unknown }).code;
      return { thrown: code ?? String(thrown) };
    }
  }

  async #made(call: StoreCall): Promise<unknown> {
    const { store } = this.#subject;
    switch (call.kind) {
      case "append":
        return this.#append(call, store);
      case "read":
        return store.read({ ...call, key: keyOf(call.channel) });
      case "openLog":
        return this.#open(call.channel, store);
      case "logState":
        return store.logState(keyOf(call.channel));
      case "deleteLog":
        return store.deleteLog(keyOf(call.channel));
      case "logStates":
        return (await store.logStates(call.channels.map(keyOf))).map((state) => state ?? "nothing");
      case "sweep":
        return this.#sweepAll();
      case "wait":
        this.#nowMs += call.ms;
        return undefined;
      case "cutReplica":
      case "promoteReplica":
      case "restart":
      case "restartEmpty":
        return this.#subject[call.kind]();
      default:
        return this.#madeOfSmallThings(call, store);
    }
  }

  async #madeOfSmallThings(call: StoreCall, store: Store): Promise<unknown> {
    switch (call.kind) {
      case "saveSession":
        return store.saveSession({
          tenant: TENANT,
          sessionId: call.id,
          subject: call.text,
          clientId: call.id,
          createdAtMs: 1,
          expiresAtMs: this.#nowMs + call.ttlMs,
          positions: { [call.text]: call.text },
          holder: this.#holders.get(call.id)?.at(-1 - call.behind) ?? 1,
          nodeId: call.text,
          revision: call.revision,
        });
      case "claimSession":
        return this.#claim(call, store);
      case "loadSession":
        return store.loadSession(TENANT, call.id);
      case "deleteSession":
        return store.deleteSession(TENANT, call.id);
      case "claimReceipt":
        return store.claimReceipt(receiptKey(call.id), receipt(call.text), this.#nowMs + call.ttlMs);
      case "updateReceipt":
        return store.updateReceipt(receiptKey(call.id), receipt(call.text));
      case "acquireLease":
        return this.#acquire(call, store);
      case "findLease":
        return store.findLease(call.lease);
      case "renewLease":
        return store.renewLease(call.token.lease, this.#tokenOf(call.token), call.ttlMs, this.#nowMs);
      case "releaseLease":
        return store.releaseLease(call.token.lease, this.#tokenOf(call.token));
      case "expiredLeases":
        return sorted(await store.expiredLeases(call.prefix, this.#nowMs, 100));
      case "enroll":
        return versionOf(
          call.roster,
          await store.enroll({
            roster: rosterKey(call.roster),
            entry: entryOf(call),
            nowMs: this.#nowMs,
            ...(call.maxEntries === undefined ? {} : { maxEntries: call.maxEntries }),
          }),
        );
      case "strike":
        return versionOf(call.roster, await store.strike(rosterKey(call.roster), entryOf(call)));
      case "readRoster": {
        const { version, entries } = await store.readRoster(rosterKey(call.roster), this.#nowMs);
        return { [call.roster]: { version, entries: sorted(entries) } };
      }
      case "strikeLease":
        return sorted(await store.strikeLease(call.lease));
      default:
        throw new Error(`No store takes ${call.kind}`);
    }
  }

  async #append(call: Extract<StoreCall, { kind: "append" }>, store: Store): Promise<AppendResult> {
    const result = await store.append(this.#appendRequest(call));
    const { epoch, lastSeq: seq, tag, isDuplicate } = result;
    if (!isDuplicate) this.#heads.set(call.channel, { epoch, seq, tag });
    return result;
  }

  async #open(channel: string, store: Store): Promise<LogState> {
    const state = await store.openLog(keyOf(channel), this.#nowMs);
    this.#heads.set(channel, state.head);
    return state;
  }

  #headOf(channel: string, which: "known" | "other"): Position {
    const known = this.#heads.get(channel) ?? { epoch: "none00", seq: 0, tag: ORIGIN_TAG };
    return which === "known" ? known : { ...known, seq: known.seq + 1 };
  }

  #appendRequest(call: Extract<StoreCall, { kind: "append" }>): AppendRequest {
    const { channel, records, retention, idempotencyKey, fence, head } = call;
    return {
      key: keyOf(channel),
      records,
      nowMs: this.#nowMs,
      retention: RETENTIONS[retention]!,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(head === undefined ? {} : { expectedHead: this.#headOf(channel, head) }),
      ...(fence === undefined
        ? {}
        : {
            fence: {
              lease: fence.lease,
              token: this.#tokenOf(fence),
              ...(fence.write === undefined ? {} : { write: fence.write }),
            },
          }),
    };
  }

  async #acquire({ lease: name, owner, ttlMs }: Extract<StoreCall, { kind: "acquireLease" }>, store: Store) {
    const lease = await store.acquireLease(name, owner, ttlMs, this.#nowMs, `"${owner}"`);
    if (lease !== undefined) this.#tokens.set(name, [...(this.#tokens.get(name) ?? []), lease.token]);
    return lease;
  }

  async #claim({ id, node }: Extract<StoreCall, { kind: "claimSession" }>, store: Store) {
    const claimed = await store.claimSession(TENANT, id, node);
    if (claimed !== undefined)
      this.#holders.set(id, [...(this.#holders.get(id) ?? []), claimed.session.holder]);
    return claimed;
  }

  /** One that was never given, where there are not so many. */
  #tokenOf({ lease, behind }: TokenRef): number {
    return this.#tokens.get(lease)?.at(-1 - behind) ?? 0;
  }

  async #sweepAll(): Promise<void> {
    const request = { nowMs: this.#nowMs, idleLogMs: IDLE_LOG_MS, idempotencyMs: IDEMPOTENCY_MS };
    while ((await this.#subject.store.sweep(request)).hasMore);
  }
}

/** Where two answers differ; `undefined` when they do not. */
function differencePath(
  here: unknown,
  there: unknown,
  names: Map<string, Bijection>,
  path = "",
): string | undefined {
  const kind = /\.(epoch|tag|token|version|holder|previousHolder)$/.exec(path)?.[1];
  if (kind !== undefined) {
    // Versions of two rosters have nothing to do with each other.
    const namespace = kind === "version" ? path : kind === "previousHolder" ? "holder" : kind;
    const bijection = names.get(namespace) ?? new Bijection();
    names.set(namespace, bijection);
    return bijection.matches(String(here), String(there)) ? undefined : path;
  }
  if (typeof here !== "object" || typeof there !== "object" || here === null || there === null)
    return here === there ? undefined : path || "the answer";
  const keys = new Set([...Object.keys(here), ...Object.keys(there)]);
  for (const key of keys) {
    const found = differencePath(Reflect.get(here, key), Reflect.get(there, key), names, `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function sorted<T extends object>(values: readonly T[]): T[] {
  const keyOfValue = (value: T) => {
    const { token: _, expiresAtMs: __, ...named } = value as { token?: unknown; expiresAtMs?: unknown };
    return JSON.stringify(named);
  };
  return values.toSorted((a, b) => (keyOfValue(a) < keyOfValue(b) ? -1 : 1));
}

function versionOf(roster: RosterKey["kind"], version: number | undefined) {
  return version === undefined ? undefined : { [roster]: { version } };
}

function keyOf(channel: string) {
  return { tenant: TENANT, channel };
}

function rosterKey(kind: RosterKey["kind"]): RosterKey {
  return { tenant: TENANT, kind, name: "chat:1" };
}

function entryOf({ id, lease, value }: RosterEntry): RosterEntry {
  return { id, lease, value };
}

function receiptKey(id: string) {
  return { tenant: TENANT, clientId: "phone", commandId: id };
}

function receipt(text: string) {
  return { status: "accepted", executionId: text, channel: "chat:1" } as const;
}
