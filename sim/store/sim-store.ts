/**
 * One server life's way to the store. An operation is called, applied and answered at three moments of the scheduler's
 * choice; a crash cuts between any two of them. What is called in one lane is applied and answered in the order of the
 * calls: appends, opened logs and leases, as the contract demands; one session; one receipt. Reads go as they like.
 */
import { TachikomaError } from "@tachikoma/protocol";
import type { Store } from "../../packages/server/src/stores/store.ts";

interface Operation {
  readonly name: string;
  readonly lane: string;
  readonly calledAtMs: number;
  readonly apply: () => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (cause: unknown) => void;
  outcome: { readonly ok: boolean; readonly value: unknown } | undefined;
}

export class SimStore {
  readonly store: Store;
  readonly #operations: Operation[] = [];
  readonly #nowMs: () => number;
  #freeCount = 0;
  #isCut = false;

  constructor(real: Store, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.store = this.#wrap(real);
  }

  get pendingCount(): number {
    return this.#operations.length;
  }

  get oldestAgeMs(): number {
    const oldest = this.#operations[0];
    return oldest === undefined ? 0 : this.#nowMs() - oldest.calledAtMs;
  }

  /** The server is dead: what was not applied never happens, what was not answered never is. */
  cut(): void {
    this.#isCut = true;
    this.#operations.length = 0;
  }

  /** Takes one operation a step further. */
  async step(pick: (count: number) => number, mayFail: boolean): Promise<string> {
    const ready = this.#ready();
    const operation = ready[pick(ready.length)]!;
    if (operation.outcome === undefined) {
      operation.outcome = await outcomeOf(mayFail ? unavailable : operation.apply);
      return `apply ${operation.name}${mayFail ? " fails" : ""}`;
    }
    this.#operations.splice(this.#operations.indexOf(operation), 1);
    const { ok, value } = operation.outcome;
    if (ok) operation.resolve(value);
    else operation.reject(value);
    return `answer ${operation.name}`;
  }

  /** The next to be applied and the next to be answered of each lane. */
  #ready(): Operation[] {
    const ready: Operation[] = [];
    const answering = new Set<string>();
    const applying = new Set<string>();
    for (const operation of this.#operations) {
      const { lane, outcome } = operation;
      const isNextToAnswer = outcome !== undefined && !answering.has(lane);
      const isNextToApply = outcome === undefined && !applying.has(lane);
      if (isNextToAnswer || isNextToApply) ready.push(operation);
      answering.add(lane);
      if (outcome === undefined) applying.add(lane);
    }
    return ready;
  }

  #call<T>(name: string, lane: string | undefined, apply: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isCut) return;
      this.#freeCount += 1;
      this.#operations.push({
        name,
        lane: lane ?? `free ${this.#freeCount}`,
        calledAtMs: this.#nowMs(),
        apply,
        resolve: resolve as (value: unknown) => void,
        reject,
        outcome: undefined,
      });
    });
  }

  #wrap(real: Store): Store {
    const call = this.#call.bind(this);
    return {
      kind: "sim",
      isShared: real.isShared,
      appendIntervalMs: 0,
      ping: () => call("ping", undefined, () => real.ping()),
      logStates: (keys) => call("logStates", undefined, () => real.logStates(keys)),
      claimSession: (tenant, id, nodeId) =>
        call("claimSession", `session ${id}`, () => real.claimSession(tenant, id, nodeId)),
      findLease: (name) => call("findLease", "log", () => real.findLease(name)),
      enroll: (request) => call("enroll", "roster", () => real.enroll(request)),
      strike: (roster, entry) => call("strike", "roster", () => real.strike(roster, entry)),
      readRoster: (roster, nowMs) => call("readRoster", "roster", () => real.readRoster(roster, nowMs)),
      strikeLease: (lease) => call("strikeLease", "roster", () => real.strikeLease(lease)),
      listen: (listener) => real.listen(listener),
      follow: (key) => call("follow", "log", () => real.follow(key)),
      unfollow: (key) => real.unfollow(key),
      say: (key, note) => real.say(key, note),
      openLog: (key, nowMs) => call("openLog", "log", () => real.openLog(key, nowMs)),
      append: (request) => call("append", "log", () => real.append(request)),
      deleteLog: (key) => call("deleteLog", "log", () => real.deleteLog(key)),
      read: (request) => call("read", undefined, () => real.read(request)),
      logState: (key) => call("logState", undefined, () => real.logState(key)),
      loadSession: (tenant, id) => call("loadSession", `session ${id}`, () => real.loadSession(tenant, id)),
      saveSession: (session) =>
        call("saveSession", `session ${session.sessionId}`, () => real.saveSession(session)),
      deleteSession: (tenant, id) =>
        call("deleteSession", `session ${id}`, () => real.deleteSession(tenant, id)),
      claimReceipt: (key, receipt, expiresAtMs) =>
        call("claimReceipt", `receipt ${key.commandId}`, () => real.claimReceipt(key, receipt, expiresAtMs)),
      updateReceipt: (key, receipt) =>
        call("updateReceipt", `receipt ${key.commandId}`, () => real.updateReceipt(key, receipt)),
      acquireLease: (...args) => call("acquireLease", "log", () => real.acquireLease(...args)),
      renewLease: (...args) => call("renewLease", "log", () => real.renewLease(...args)),
      releaseLease: (...args) => call("releaseLease", "log", () => real.releaseLease(...args)),
      expiredLeases: (...args) => call("expiredLeases", "log", () => real.expiredLeases(...args)),
      sweep: (request) => call("sweep", undefined, () => real.sweep(request)),
      close: async () => {},
    };
  }
}

async function outcomeOf(apply: () => Promise<unknown>): Promise<{ ok: boolean; value: unknown }> {
  try {
    return { ok: true, value: await apply() };
  } catch (cause) {
    return { ok: false, value: cause };
  }
}

async function unavailable(): Promise<never> {
  throw new TachikomaError("STORE_UNAVAILABLE");
}
