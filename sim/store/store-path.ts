/**
 * One server life's way to the store. An operation is called, applied and answered at three moments of the scheduler's
 * choice; a crash cuts between any two of them. What is called in one lane is applied and answered in the order of the
 * calls: appends, opened logs and leases, as the contract demands; one session; one receipt. Reads go as they like.
 *
 *   called --apply--> applied --answer--> answered
 *      |                 `--- the answer is lost: STORE_UNAVAILABLE, though it has happened
 *      |--- refused: STORE_UNAVAILABLE, and nothing has happened
 *      `--- the path is blocked for too long: STORE_UNAVAILABLE now, and perhaps it happens later
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Store } from "../../packages/server/src/stores/store.ts";
import type { SyncStore } from "./sync-store.ts";

/** What becomes of the next step of an operation. */
export type Fate = "works" | "is refused" | "loses its answer";

interface Operation {
  readonly name: string;
  readonly lane: string | undefined;
  readonly calledAtMs: number;
  readonly apply: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (cause: unknown) => void;
  outcome: { readonly ok: boolean; readonly value: unknown } | undefined;
}

/** How long a caller waits for a store that cannot be reached. */
const CALL_TIMEOUT_MS = 4_000;

export class StorePath {
  readonly store: Store;
  readonly #nowMs: () => number;
  readonly #reach: (task: () => void) => void;
  #operations: Operation[] = [];
  /** On their way when their callers gave up. */
  #stray: Operation[] = [];
  /** What can be taken a step further; made when it is asked for after a change. */
  #ready: readonly Operation[] | undefined;
  #isCut = false;
  #isBlocked = false;
  /** Refuses everything, at once: nobody listens at the other end. */
  isRefusing = false;

  /** @param reach runs what has reached the node, as soon as its process runs */
  constructor(real: SyncStore, nowMs: () => number, reach: (task: () => void) => void) {
    this.#nowMs = nowMs;
    this.#reach = reach;
    this.store = this.#wrap(real);
  }

  get isBlocked(): boolean {
    return this.#isBlocked;
  }

  get oldestAgeMs(): number {
    const oldest = this.#operations[0];
    return oldest === undefined ? 0 : this.#nowMs() - oldest.calledAtMs;
  }

  /** The server is dead: what was not applied never happens, what was not answered never is. */
  cut(): void {
    this.#isCut = true;
    this.#ready = undefined;
    this.#operations = [];
    this.#stray = [];
  }

  /** Nothing gets through, and nobody is told. */
  block(): void {
    this.#isBlocked = true;
    this.#ready = undefined;
  }

  /** Gives up what has waited for too long. */
  giveUp(): void {
    if (!this.#isBlocked) return;
    const dueMs = this.#nowMs() - CALL_TIMEOUT_MS;
    const isLate = ({ calledAtMs }: Operation) => calledAtMs <= dueMs;
    for (const operation of this.#operations.filter(isLate)) {
      this.#reach(() => operation.reject(new TachikomaError("STORE_UNAVAILABLE")));
      if (operation.outcome === undefined) this.#stray.push(operation);
    }
    this.#operations = this.#operations.filter((operation) => !isLate(operation));
    this.#ready = undefined;
  }

  /**
   * It can be reached again. What was on its way arrives before anything that is called from now on, or never.
   *
   * @param arrives decides for one operation
   */
  unblock(arrives: () => boolean): void {
    this.#isBlocked = false;
    this.#ready = undefined;
    const stray = this.#stray;
    this.#stray = [];
    for (const { apply } of stray) if (arrives()) outcomeOf(apply);
  }

  /** How many operations can be taken a step further. */
  get readyCount(): number {
    this.#ready ??= this.#findReady();
    return this.#ready.length;
  }

  /** Takes one operation a step further. */
  step(index: number, fate: Fate): string {
    this.#ready ??= this.#findReady();
    const operation = this.#ready[index]!;
    this.#ready = undefined;
    if (operation.outcome === undefined) return this.#apply(operation, fate);
    this.#operations.splice(this.#operations.indexOf(operation), 1);
    const { ok, value } = operation.outcome;
    this.#reach(() => (ok ? operation.resolve(value) : operation.reject(value)));
    return `answer ${operation.name}`;
  }

  #apply(operation: Operation, fate: Fate): string {
    const isRefused = this.isRefusing || fate === "is refused";
    operation.outcome = outcomeOf(isRefused ? unavailable : operation.apply);
    if (isRefused) return `apply ${operation.name} is refused`;
    if (fate === "loses its answer") operation.outcome = outcomeOf(unavailable);
    return `apply ${operation.name}${fate === "works" ? "" : " loses its answer"}`;
  }

  /** The next to be applied and the next to be answered of each lane. */
  #findReady(): readonly Operation[] {
    if (this.#isBlocked || this.#operations.length === 0) return [];
    const ready: Operation[] = [];
    const answering: string[] = [];
    const applying: string[] = [];
    for (const operation of this.#operations) {
      const { lane, outcome } = operation;
      const isApplied = outcome !== undefined;
      const isNext = lane === undefined || !(isApplied ? answering : applying).includes(lane);
      if (isNext) ready.push(operation);
      if (lane === undefined) continue;
      answering.push(lane);
      if (!isApplied) applying.push(lane);
    }
    return ready;
  }

  #call<T>(name: string, lane: string | undefined, apply: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isCut) return;
      this.#ready = undefined;
      this.#operations.push({
        name,
        lane,
        calledAtMs: this.#nowMs(),
        apply,
        resolve: resolve as (value: unknown) => void,
        reject,
        outcome: undefined,
      });
    });
  }

  #wrap(real: SyncStore): Store {
    const call = this.#call.bind(this);
    return {
      kind: "sim",
      isShared: real.isShared,
      appendIntervalMs: real.appendIntervalMs,
      ping: () => call("ping", undefined, () => real.ping()),
      openLog: (key, nowMs) => call("openLog", "log", () => real.openLog(key, nowMs)),
      append: (request) => call("append", "log", () => real.append(request)),
      deleteLog: (key) => call("deleteLog", "log", () => real.deleteLog(key)),
      read: (request) => call("read", undefined, () => real.read(request)),
      logState: (key) => call("logState", undefined, () => real.logState(key)),
      logStates: (keys) => call("logStates", undefined, () => real.logStates(keys)),
      loadSession: (tenant, id) =>
        call(`loadSession ${id.slice(0, 4)}`, `session ${id}`, () => real.loadSession(tenant, id)),
      claimSession: (tenant, id, nodeId) =>
        call(`claimSession ${id.slice(0, 4)}`, `session ${id}`, () => real.claimSession(tenant, id, nodeId)),
      saveSession: (session) =>
        call(
          `saveSession ${session.sessionId.slice(0, 4)} ${session.holder}.${session.revision}`,
          `session ${session.sessionId}`,
          () => real.saveSession(session),
        ),
      deleteSession: (tenant, id) =>
        call("deleteSession", `session ${id}`, () => real.deleteSession(tenant, id)),
      claimReceipt: (key, receipt, expiresAtMs) =>
        call("claimReceipt", `receipt ${key.commandId}`, () => real.claimReceipt(key, receipt, expiresAtMs)),
      updateReceipt: (key, receipt) =>
        call("updateReceipt", `receipt ${key.commandId}`, () => real.updateReceipt(key, receipt)),
      acquireLease: (...args) => call("acquireLease", "log", () => real.acquireLease(...args)),
      findLease: (name) => call("findLease", "log", () => real.findLease(name)),
      renewLease: (...args) => call("renewLease", "log", () => real.renewLease(...args)),
      releaseLease: (...args) => call("releaseLease", "log", () => real.releaseLease(...args)),
      expiredLeases: (...args) => call("expiredLeases", "log", () => real.expiredLeases(...args)),
      enroll: (request) => call("enroll", "roster", () => real.enroll(request)),
      strike: (roster, entry) => call("strike", "roster", () => real.strike(roster, entry)),
      readRoster: (roster, nowMs) => call("readRoster", "roster", () => real.readRoster(roster, nowMs)),
      strikeLease: (lease) => call("strikeLease", "roster", () => real.strikeLease(lease)),
      listen: (listener) => real.listen(listener),
      follow: (key) => call("follow", "hint", () => real.follow(key)),
      unfollow: (key) => real.unfollow(key),
      say: (key, note) => {
        // Said into the void when nobody can be reached.
        if (!this.#isCut && !this.#isBlocked && !this.isRefusing) real.say(key, note);
      },
      sweep: (request) => call("sweep", undefined, () => real.sweep(request)),
      close: async () => real.close(),
    };
  }
}

function outcomeOf(apply: () => unknown): { readonly ok: boolean; readonly value: unknown } {
  try {
    return { ok: true, value: apply() };
  } catch (cause) {
    return { ok: false, value: cause };
  }
}

function unavailable(): never {
  throw new TachikomaError("STORE_UNAVAILABLE");
}
