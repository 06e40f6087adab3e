/**
 * The store of a node whose database is in another process (`StoreServer`). While that one cannot be reached calls are refused, and the
 * connection is tried again for ever. What was under way when it was lost may have been done: whoever needs to know asks again.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Observer } from "../../core/observer.ts";
import type { Clock, Logger, Random, Timer } from "../../core/ports.ts";
import { assertAppendable } from "../append-check.ts";
import { compositeKey } from "../composite-key.ts";
import type {
  AppendRequest,
  AppendResult,
  ClaimedSession,
  EnrollRequest,
  HintListener,
  Lease,
  LogKey,
  LogState,
  ReadRequest,
  ReadResult,
  ReceiptKey,
  RosterEntry,
  RosterKey,
  RosterState,
  Store,
  StoredReceipt,
  StoredSession,
  SweepRequest,
  SweepResult,
} from "../store.ts";
import { StoreLink } from "./store-link.ts";
import { type AnswerToCall, type Asked, OVERHEAD_BYTES, type Reply } from "./wire.ts";
import { errorOf, unavailable } from "./wire-failure.ts";

const MAX_WAITING_CALLS = 100_000;
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** The other process is on this machine: it is there, or it is being started. */
const FIRST_RETRY_MS = 10;
const MAX_RETRY_MS = 250;

export interface RemoteStoreOptions {
  /** The socket of the `StoreServer`. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger?: Logger;
  readonly observer?: Pick<Observer, "storeReconnected">;
  /** Calls that may be unanswered before more are refused. @default 100000 */
  readonly maxWaitingCalls?: number;
  /** Content that may be unanswered before more is refused, in bytes. @default 64 MiB */
  readonly maxWaitingBytes?: number;
}

/** @throws STORE_UNAVAILABLE when nobody serves the store there */
export async function openRemoteStore(options: RemoteStoreOptions): Promise<Store> {
  const store = new RemoteStore(options);
  await store.connect();
  return store;
}

interface Waiting {
  readonly byteCount: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Answered<Name extends Asked> = Awaited<ReturnType<Store[Name]>>;

class RemoteStore implements Store {
  readonly isShared = true;
  readonly #options: RemoteStoreOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #followed = new Map<string, LogKey>();
  #waitingBytes = 0;
  #lastNumber = 0;
  #kind = "remote";
  #appendIntervalMs = 0;
  #listener: HintListener | undefined;
  #link: StoreLink | undefined;
  #retry: Timer | undefined;
  #isClosed = false;
  #onAnswered: (() => void) | undefined;

  constructor(options: RemoteStoreOptions) {
    this.#options = options;
  }

  get kind(): string {
    return this.#kind;
  }

  get appendIntervalMs(): number {
    return this.#appendIntervalMs;
  }

  async connect(): Promise<void> {
    const link = await StoreLink.open({
      path: this.#options.path,
      followed: [...this.#followed.values()],
      onReply: (reply) => this.#hear(reply),
      onLost: (reason) => this.#lost(reason),
      onUnsendable: ([number], error) => this.#settle(number, ({ reject }) => reject(error)),
    });
    if (this.#isClosed) return link.close();
    this.#kind = link.welcome.kind;
    this.#appendIntervalMs = link.welcome.appendIntervalMs;
    this.#link = link;
  }

  async ping(): Promise<void> {
    await this.#ask("ping", []);
  }

  async openLog(key: LogKey, nowMs: number): Promise<LogState> {
    return this.#ask("openLog", [key, nowMs]);
  }

  async append(request: AppendRequest): Promise<AppendResult> {
    assertAppendable(request);
    return this.#ask("append", [request], contentBytes(request));
  }

  async read(request: ReadRequest): Promise<ReadResult | undefined> {
    return this.#ask("read", [request]);
  }

  async logState(key: LogKey): Promise<LogState | undefined> {
    return this.#ask("logState", [key]);
  }

  async logStates(keys: readonly LogKey[]): Promise<readonly (LogState | undefined)[]> {
    return this.#ask("logStates", [[...keys]]);
  }

  async deleteLog(key: LogKey): Promise<void> {
    await this.#ask("deleteLog", [key]);
  }

  async loadSession(tenant: string, sessionId: string): Promise<StoredSession | undefined> {
    return this.#ask("loadSession", [tenant, sessionId]);
  }

  async claimSession(tenant: string, sessionId: string, nodeId: string): Promise<ClaimedSession | undefined> {
    return this.#ask("claimSession", [tenant, sessionId, nodeId]);
  }

  async saveSession(session: StoredSession): Promise<boolean> {
    // A copy, because the caller may change its object before the call leaves.
    return this.#ask("saveSession", [{ ...session, positions: { ...session.positions } }]);
  }

  async deleteSession(tenant: string, sessionId: string): Promise<void> {
    await this.#ask("deleteSession", [tenant, sessionId]);
  }

  async claimReceipt(key: ReceiptKey, receipt: StoredReceipt, expiresAtMs: number): Promise<StoredReceipt> {
    return this.#ask("claimReceipt", [key, receipt, expiresAtMs]);
  }

  async updateReceipt(key: ReceiptKey, receipt: StoredReceipt): Promise<void> {
    await this.#ask("updateReceipt", [key, receipt]);
  }

  async acquireLease(
    name: string,
    owner: string,
    ttlMs: number,
    nowMs: number,
    body: string,
  ): Promise<Lease | undefined> {
    return this.#ask("acquireLease", [name, owner, ttlMs, nowMs, body], body.length);
  }

  async findLease(name: string): Promise<Lease | undefined> {
    return this.#ask("findLease", [name]);
  }

  async renewLease(name: string, token: number, ttlMs: number, nowMs: number): Promise<boolean> {
    return this.#ask("renewLease", [name, token, ttlMs, nowMs]);
  }

  async releaseLease(name: string, token: number): Promise<void> {
    await this.#ask("releaseLease", [name, token]);
  }

  async expiredLeases(prefix: string, nowMs: number, limit: number): Promise<readonly Lease[]> {
    return this.#ask("expiredLeases", [prefix, nowMs, limit]);
  }

  async enroll(request: EnrollRequest): Promise<number | undefined> {
    return this.#ask("enroll", [request], request.entry.value.length);
  }

  async strike(roster: RosterKey, entry: RosterEntry): Promise<number | undefined> {
    return this.#ask("strike", [roster, entry], entry.value.length);
  }

  async readRoster(roster: RosterKey, nowMs: number): Promise<RosterState> {
    return this.#ask("readRoster", [roster, nowMs]);
  }

  async strikeLease(lease: string): Promise<readonly RosterKey[]> {
    return this.#ask("strikeLease", [lease]);
  }

  listen(listener: HintListener): void {
    this.#listener = listener;
  }

  async follow(key: LogKey): Promise<void> {
    const id = compositeKey(key.tenant, key.channel);
    this.#followed.set(id, key);
    try {
      await this.#ask("follow", [key]);
    } catch (error) {
      if (this.#followed.get(id) === key) this.#followed.delete(id);
      throw error;
    }
  }

  unfollow(key: LogKey): void {
    if (!this.#followed.delete(compositeKey(key.tenant, key.channel))) return;
    this.#link?.send([0, "unfollow", [key]], 0);
  }

  say(key: LogKey, note: string): void {
    // A hint that cannot be said is lost, as hints may be.
    if (this.#waitingBytes > this.#maxWaitingBytes) return;
    this.#link?.send([0, "say", [key, note]], note.length);
  }

  async sweep(request: SweepRequest): Promise<SweepResult> {
    return this.#ask("sweep", [request]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retry?.cancel();
    if (this.#waiting.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onAnswered = resolve;
      });
    }
    this.#link?.close();
    this.#link = undefined;
  }

  get #maxWaitingBytes(): number {
    return this.#options.maxWaitingBytes ?? MAX_WAITING_BYTES;
  }

  #ask<Name extends Asked>(
    name: Name,
    args: Parameters<Store[Name]>,
    contentByteCount = 0,
  ): Promise<Answered<Name>> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#isClosed) throw new TachikomaError("STORE_UNAVAILABLE", "The store is closed");
      if (this.#link === undefined) throw unavailable("cannot be reached at the moment");
      const byteCount = contentByteCount + OVERHEAD_BYTES;
      this.#admit(byteCount);
      const number = ++this.#lastNumber;
      this.#waiting.set(number, { byteCount, resolve, reject });
      this.#waitingBytes += byteCount;
      this.#link.send([number, name, args], byteCount);
    }) as Promise<Answered<Name>>;
  }

  #admit(byteCount: number): void {
    const maxCalls = this.#options.maxWaitingCalls ?? MAX_WAITING_CALLS;
    if (this.#waiting.size >= maxCalls) {
      throw new TachikomaError(
        "STORE_UNAVAILABLE",
        `${this.#waiting.size} calls wait for the store, the limit is ${maxCalls}`,
      );
    }
    const bytes = this.#waitingBytes + byteCount;
    if (bytes <= this.#maxWaitingBytes) return;
    throw new TachikomaError(
      "STORE_UNAVAILABLE",
      `${bytes} bytes would wait for the store, the limit is ${this.#maxWaitingBytes}`,
    );
  }

  #hear({ answers, heads, notes, areHintsLost, appendIntervalMs }: Reply): void {
    this.#appendIntervalMs = appendIntervalMs;
    for (const answer of answers) this.#answered(answer);
    for (const [key, head] of heads) if (this.#isFollowed(key)) this.#listener?.onHead(key, head);
    for (const [key, note] of notes) if (this.#isFollowed(key)) this.#listener?.onNote(key, note);
    if (areHintsLost) this.#listener?.onHintsLost();
  }

  /** What was on its way when `unfollow` was called is not heard any more. */
  #isFollowed({ tenant, channel }: LogKey): boolean {
    return this.#followed.has(compositeKey(tenant, channel));
  }

  #answered([number, value, failure]: AnswerToCall): void {
    this.#settle(number, ({ resolve, reject }) =>
      failure === undefined ? resolve(value) : reject(errorOf(failure)),
    );
  }

  #settle(number: number, settle: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    this.#waitingBytes -= waiting.byteCount;
    settle(waiting);
    if (this.#waiting.size === 0) this.#onAnswered?.();
  }

  #lost(reason: string): void {
    this.#link = undefined;
    const error = unavailable(reason);
    for (const number of [...this.#waiting.keys()]) this.#settle(number, ({ reject }) => reject(error));
    if (this.#isClosed) return;
    this.#options.logger?.warn(
      { reason },
      "The process that has the store was lost: calls are refused until it is back",
    );
    this.#tryLater(0);
  }

  #tryLater(failedTries: number): void {
    const { clock, random } = this.#options;
    const ceilingMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failedTries);
    this.#retry = clock.setTimer(ceilingMs * random.fraction(), () => {
      this.connect().then(
        () => this.#isBack(),
        () => {
          if (!this.#isClosed) this.#tryLater(failedTries + 1);
        },
      );
    });
  }

  #isBack(): void {
    if (this.#link === undefined) return;
    this.#options.logger?.info({}, "The process that has the store is back");
    this.#options.observer?.storeReconnected();
    // What was said while nobody listened is said to nobody again.
    this.#listener?.onHintsLost();
  }
}

/** In characters: near enough for a bound on memory, and free. */
function contentBytes({ records }: AppendRequest): number {
  return records.reduce((sum, { body }) => sum + body.length + OVERHEAD_BYTES, 0);
}
