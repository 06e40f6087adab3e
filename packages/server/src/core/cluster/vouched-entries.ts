/**
 * The entries in one kind of roster that this node vouches for, kept in the store as they are wanted here.
 *
 * An entry is changed by one call at a time, and of several wishes that wait only the last is carried out. What fails is tried
 * again. An entry belongs to the node that enrolled it last: what stands under another lease is not touched any more.
 */
import type { RosterEntry, RosterKey, RosterState, Store } from "../../stores/store.ts";
import type { Clock, Logger, Timer } from "../ports.ts";
import type { RosterChange } from "./hints.ts";
import { inParallel } from "./in-parallel.ts";
import { type EntryStep, nextStep } from "./vouched-entry.ts";

/** Calls for many entries that are under way at once. */
const MAX_CALLS_AT_ONCE = 32;
const RETRY_MS = 5_000;

export interface RosterName {
  readonly tenant: string;
  readonly name: string;
}

export interface VouchedEntriesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly kind: RosterKey["kind"];
  /** The lease of this node, under which everything stands. */
  readonly lease: { readonly name: string; readonly isHeld: boolean };
  /** What to do where another node's entry stands in the place of ours. */
  readonly judge: (theirs: string, ours: string) => EntryJudgement;
  /** The store has taken a change of ours. */
  readonly onChanged?: (roster: RosterKey, change: RosterChange) => void;
}

interface Entry {
  readonly roster: RosterKey;
  readonly id: string;
  wanted: string | undefined;
  stored: string | undefined;
  asked: string | undefined;
  maxEntries: number | undefined;
  running: Promise<void> | undefined;
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly resolve: (outcome: PutOutcome) => void;
  readonly reject: (cause: unknown) => void;
}

/**
 * `ours`: ours belongs there. `theirs`: theirs may stand, but when it goes ours belongs there again. `moved`: what ours said is now
 * said by them.
 */
export type EntryJudgement = "ours" | "theirs" | "moved";

export type PutOutcome = "stored" | "full";

export class VouchedEntries {
  readonly #options: VouchedEntriesOptions;
  readonly #rosters = new Map<string, Map<string, Entry>>();
  /** Rosters in which everything has to be looked at again, because the lease was lost. */
  readonly #doubtful = new Set<string>();
  #retryTimer: Timer | undefined;
  #isClosed = false;

  constructor(options: VouchedEntriesOptions) {
    this.#options = options;
  }

  /** False while the lease is lost: what stands under it does not count. */
  get areCounted(): boolean {
    return this.#options.lease.isHeld;
  }

  /** Where this node vouches for something. */
  rosters(): RosterKey[] {
    return [...this.#rosters.values()].flatMap((here) =>
      [...here.values()].slice(0, 1).map(({ roster }) => roster),
    );
  }

  /** True when an entry is wanted somewhere. */
  get isVouching(): boolean {
    return this.#entries().some(({ wanted }) => wanted !== undefined);
  }

  /**
   * Puts an entry in the place of the one with its id. The first call for an entry goes out in this turn.
   *
   * @param maxEntries refuses a new entry where so many others count; what stood under its id then stays
   * @throws STORE_UNAVAILABLE; it is tried again until it is dropped
   */
  put(of: RosterName, id: string, value: string, maxEntries?: number): Promise<PutOutcome> {
    const entry = this.#entryOf(of, id);
    entry.wanted = value;
    entry.maxEntries = maxEntries;
    const { promise, resolve, reject } = Promise.withResolvers<PutOutcome>();
    entry.waiting.push({ resolve, reject });
    this.#start(entry);
    return promise;
  }

  /** Takes an entry off again, sooner or later. Does nothing when it has moved to another node. */
  drop({ tenant, name }: RosterName, id: string): void {
    const entry = this.#rosters.get(idOf({ tenant, name }))?.get(id);
    if (entry === undefined) return;
    entry.wanted = undefined;
    this.#start(entry);
  }

  /** Reads a roster, and puts right what does not stand there as it should. */
  async look({ tenant, name }: RosterName): Promise<RosterState> {
    const { store, clock, kind, lease } = this.#options;
    // Only what nobody touches meanwhile can be judged by what was read.
    const known = [...(this.#rosters.get(idOf({ tenant, name }))?.values() ?? [])]
      .filter((entry) => entry.running === undefined && nextStep(entry) === undefined)
      .map((entry) => ({ entry, value: entry.stored }));
    const state = await store.readRoster({ tenant, kind, name }, clock.nowMs());
    if (!lease.isHeld || this.#isClosed) return state;
    const found = new Map(state.entries.map((one) => [one.id, one]));
    for (const { entry, value } of known) {
      const isUntouched = entry.running === undefined && entry.stored === value && entry.wanted === value;
      if (isUntouched && value !== undefined) this.#verify(entry, value, found.get(entry.id));
    }
    return state;
  }

  /** The lease was lost: others may have struck everything, or taken it over. */
  reaffirm(): void {
    for (const id of this.#rosters.keys()) this.#doubtful.add(id);
    this.#retry();
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#entries().map(({ running }) => running));
  }

  /** What fails from here on is left to the end of the lease. */
  close(): void {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
  }

  #verify(entry: Entry, ours: string, found: RosterEntry | undefined): void {
    if (found !== undefined && this.#isOurs(found) && found.value === ours) return;
    const isTheirs = found !== undefined && !this.#isOurs(found);
    const judgement = isTheirs ? this.#options.judge(found.value, ours) : "ours";
    if (judgement === "moved") this.#forget(entry);
    if (judgement !== "ours") return;
    entry.stored = undefined;
    entry.asked = ours;
    entry.maxEntries = undefined;
    this.#start(entry);
  }

  #start(entry: Entry): void {
    if (entry.running !== undefined || nextStep(entry) === undefined) {
      if (entry.running === undefined) this.#finish(entry);
      return;
    }
    entry.running = this.#run(entry);
  }

  /** Never rejects. */
  async #run(entry: Entry): Promise<void> {
    let covered: Waiter[] = [];
    try {
      for (let step = nextStep(entry); step !== undefined; step = nextStep(entry)) {
        // Who asks for something else while this is under way waits for the next step.
        if (step.kind === "enroll" && step.value === entry.wanted) covered = entry.waiting.splice(0);
        const outcome = await this.#take(entry, step);
        for (const { resolve } of covered) resolve(outcome);
        covered = [];
      }
    } catch (cause) {
      this.#options.logger.warn({ err: cause, kind: entry.roster.kind }, "A roster could not be changed");
      for (const { reject } of [...covered, ...entry.waiting.splice(0)]) reject(cause);
      this.#retryLater();
    }
    entry.running = undefined;
    this.#finish(entry);
  }

  async #take(entry: Entry, step: EntryStep): Promise<PutOutcome> {
    const { store, clock, lease } = this.#options;
    const { roster, id, maxEntries } = entry;
    if (step.kind === "strike") {
      // Without an answer nobody knows whether it still says what it said.
      entry.asked ??= entry.stored;
      for (const value of step.values) {
        const version = await store.strike(roster, { id, lease: lease.name, value });
        if (version === undefined) continue;
        this.#changed(roster, { version, id });
        break;
      }
      entry.stored = undefined;
      entry.asked = undefined;
      return "stored";
    }
    const { value } = step;
    entry.asked = value;
    const version = await store.enroll({
      roster,
      entry: { id, lease: lease.name, value },
      nowMs: clock.nowMs(),
      ...(maxEntries === undefined ? {} : { maxEntries }),
    });
    entry.asked = undefined;
    if (version === undefined) {
      if (entry.wanted === value) entry.wanted = entry.stored;
      return "full";
    }
    entry.stored = value;
    this.#changed(roster, { version, id, value });
    return "stored";
  }

  #isOurs({ lease }: RosterEntry): boolean {
    return lease === this.#options.lease.name;
  }

  #changed(roster: RosterKey, change: RosterChange): void {
    this.#options.onChanged?.(roster, change);
  }

  #finish(entry: Entry): void {
    for (const { resolve } of entry.waiting.splice(0)) resolve("stored");
    const isGone = entry.wanted === undefined && entry.stored === undefined && entry.asked === undefined;
    if (isGone) this.#forget(entry);
  }

  #forget(entry: Entry): void {
    const id = idOf(entry.roster);
    const here = this.#rosters.get(id);
    if (here?.get(entry.id) !== entry) return;
    here.delete(entry.id);
    if (here.size === 0) this.#rosters.delete(id);
  }

  #entryOf({ tenant, name }: RosterName, id: string): Entry {
    const rosterId = idOf({ tenant, name });
    let here = this.#rosters.get(rosterId);
    if (here === undefined) {
      here = new Map();
      this.#rosters.set(rosterId, here);
    }
    let entry = here.get(id);
    if (entry === undefined) {
      const roster = { tenant, kind: this.#options.kind, name };
      entry = {
        roster,
        id,
        wanted: undefined,
        stored: undefined,
        asked: undefined,
        maxEntries: undefined,
        running: undefined,
        waiting: [],
      };
      here.set(id, entry);
    }
    return entry;
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#retryTimer ??= this.#options.clock.setTimer(RETRY_MS, () => this.#retry());
  }

  #retry(): void {
    this.#retryTimer?.cancel();
    this.#retryTimer = undefined;
    const unfinished = this.#entries().filter(
      (entry) => entry.running === undefined && nextStep(entry) !== undefined,
    );
    const finishing = inParallel(unfinished, MAX_CALLS_AT_ONCE, async (entry) => {
      this.#start(entry);
      await entry.running;
    });
    const looking = inParallel(this.#doubtful, MAX_CALLS_AT_ONCE, async (id) => {
      const here = [...(this.#rosters.get(id)?.values() ?? [])];
      await Promise.all(here.map(({ running }) => running));
      if (here[0] !== undefined) await this.look(here[0].roster);
      if (this.#options.lease.isHeld) this.#doubtful.delete(id);
    });
    Promise.all([finishing, looking]).catch((cause: unknown) => {
      this.#options.logger.warn({ err: cause }, "Rosters could not be looked at");
      this.#retryLater();
    });
  }

  #entries(): Entry[] {
    return [...this.#rosters.values()].flatMap((here) => [...here.values()]);
  }
}

function idOf({ tenant, name }: RosterName): string {
  return `${tenant}\u0000${name}`;
}
