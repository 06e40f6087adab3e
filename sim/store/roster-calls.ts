import type {
  EnrollRequest,
  RosterEntry,
  RosterKey,
  RosterState,
} from "../../packages/server/src/stores/store.ts";
import type { StoreSim } from "./store-sim.ts";
import { firstNumberOf, isLive, rosterId } from "./store-state.ts";

/** Rosters. Times are those of the store. */
export class RosterCalls {
  readonly #store: StoreSim;

  constructor(store: StoreSim) {
    this.#store = store;
  }

  enroll({ roster: key, entry, maxEntries }: EnrollRequest, nowMs: number): number | undefined {
    const { state } = this.#store;
    const entries = new Map(state.rosters.get(rosterId(key))?.entries);
    if (maxEntries !== undefined) {
      const others = [...entries.values()].filter(({ id }) => id !== entry.id);
      if (others.filter(({ lease }) => isLive(state, lease, nowMs)).length >= maxEntries) return undefined;
    }
    return this.#change(key, entries.set(entry.id, { ...entry }));
  }

  strike(key: RosterKey, { id, lease, value }: RosterEntry): number | undefined {
    const entries = new Map(this.#store.state.rosters.get(rosterId(key))?.entries);
    const entry = entries.get(id);
    if (entry?.lease !== lease || entry.value !== value) return undefined;
    entries.delete(id);
    return this.#change(key, entries);
  }

  read(key: RosterKey, nowMs: number): RosterState {
    const { state } = this.#store;
    const roster = state.rosters.get(rosterId(key));
    if (roster === undefined) return { version: 0, entries: [] };
    const entries = [...roster.entries.values()].filter(({ lease }) => isLive(state, lease, nowMs));
    return { version: Math.max(roster.version, firstNumberOf(state.generation)), entries };
  }

  strikeLease(lease: string): RosterKey[] {
    const changed: RosterKey[] = [];
    for (const { key, entries } of [...this.#store.state.rosters.values()]) {
      const left = new Map([...entries].filter(([, entry]) => entry.lease !== lease));
      if (left.size === entries.size) continue;
      this.#change(key, left);
      changed.push(key);
    }
    return changed;
  }

  /** One that was forgotten, or may have lost changes, goes on with numbers that no reader knows. */
  #change(key: RosterKey, entries: ReadonlyMap<string, RosterEntry>): number {
    const { state } = this.#store;
    const id = rosterId(key);
    const known = state.rosters.get(id)?.version ?? 0;
    const version = known > firstNumberOf(state.generation) ? known + 1 : state.lastNumber + 1;
    state.lastNumber = Math.max(state.lastNumber, version);
    if (entries.size === 0) state.rosters.delete(id);
    else state.rosters.set(id, { key, version, entries });
    return version;
  }
}
