import { compositeKey } from "../composite-key.ts";
import type { EnrollRequest, RosterEntry, RosterKey, RosterState } from "../store.ts";

interface Roster {
  readonly key: RosterKey;
  readonly entries: Map<string, RosterEntry>;
  version: number;
}

export interface MemoryRostersOptions {
  /** Whether the lease is held and has not expired. */
  readonly isLive: (lease: string, nowMs: number) => boolean;
}

/** Rosters by name. An empty one is forgotten; the next with its name goes on with numbers of its own. */
export class MemoryRosters {
  readonly #isLive: MemoryRostersOptions["isLive"];
  readonly #rosters = new Map<string, Roster>();
  #lastVersion = 0;

  constructor(options: MemoryRostersOptions) {
    this.#isLive = options.isLive;
  }

  enroll({ roster: key, entry, nowMs, maxEntries }: EnrollRequest): number | undefined {
    const roster = this.#rosters.get(mapKey(key)) ?? { key, entries: new Map(), version: 0 };
    if (maxEntries !== undefined) {
      const others = this.#live(roster, nowMs).filter(({ id }) => id !== entry.id);
      if (others.length >= maxEntries) return undefined;
    }
    this.#rosters.set(mapKey(key), roster);
    roster.entries.set(entry.id, { ...entry });
    return this.#changed(roster);
  }

  strike(key: RosterKey, { id, lease, value }: RosterEntry): number | undefined {
    const roster = this.#rosters.get(mapKey(key));
    const entry = roster?.entries.get(id);
    if (roster === undefined || entry?.lease !== lease || entry.value !== value) return undefined;
    roster.entries.delete(id);
    return this.#changed(roster);
  }

  read(key: RosterKey, nowMs: number): RosterState {
    const roster = this.#rosters.get(mapKey(key));
    if (roster === undefined) return { version: 0, entries: [] };
    return { version: roster.version, entries: this.#live(roster, nowMs) };
  }

  strikeLease(lease: string): RosterKey[] {
    const changed: RosterKey[] = [];
    for (const roster of [...this.#rosters.values()]) {
      const ids = [...roster.entries.values()].filter((entry) => entry.lease === lease).map(({ id }) => id);
      if (ids.length === 0) continue;
      for (const id of ids) roster.entries.delete(id);
      this.#changed(roster);
      changed.push(roster.key);
    }
    return changed;
  }

  #live(roster: Roster, nowMs: number): RosterEntry[] {
    return [...roster.entries.values()].filter(({ lease }) => this.#isLive(lease, nowMs));
  }

  #changed(roster: Roster): number {
    // From one counter for all: a roster that was forgotten must not come back with a number that a reader knows.
    this.#lastVersion = Math.max(this.#lastVersion, roster.version) + 1;
    roster.version = roster.version === 0 ? this.#lastVersion : roster.version + 1;
    if (roster.entries.size === 0) this.#rosters.delete(mapKey(roster.key));
    return roster.version;
  }
}

function mapKey({ tenant, kind, name }: RosterKey): string {
  return compositeKey(tenant, kind, name);
}
