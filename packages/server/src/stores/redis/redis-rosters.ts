import type { EnrollRequest, RosterEntry, RosterKey, RosterState } from "../store.ts";
import type { RedisLink } from "./redis-link.ts";
import { decodeName, encodeName, type RedisNames, splitNames } from "./redis-names.ts";
import { ENROLL, READ_ROSTER, STRIKE, STRIKE_LEASE } from "./scripts/roster-scripts.ts";
import type { StoreTime } from "./store-time.ts";

/** Entries of a lease that one script removes. A node has some for each of its connections. */
const MAX_STRUCK_PER_CALL = 500;

export interface RedisRostersOptions {
  readonly link: RedisLink;
  readonly names: RedisNames;
  readonly time: StoreTime;
}

type EntryReply = readonly [id: string, lease: string, value: string];

export class RedisRosters {
  readonly #options: RedisRostersOptions;

  constructor(options: RedisRostersOptions) {
    this.#options = options;
  }

  async enroll({ roster, entry, nowMs, maxEntries }: EnrollRequest): Promise<number | undefined> {
    const { link, names, time } = this.#options;
    const { id, lease, value } = entry;
    const limit = maxEntries === undefined ? "" : String(maxEntries);
    const args = [time.moment(nowMs), encodeName(id), encodeName(lease), value, limit];
    return versionOf(await link.run(ENROLL, [names.roster(roster)], args, value.length));
  }

  async strike(roster: RosterKey, { id, lease, value }: RosterEntry): Promise<number | undefined> {
    const { link, names } = this.#options;
    const args = [encodeName(id), encodeName(lease), value];
    return versionOf(await link.run(STRIKE, [names.roster(roster)], args, value.length));
  }

  async read(roster: RosterKey, nowMs: number): Promise<RosterState> {
    const { link, names, time } = this.#options;
    const reply = await link.run(READ_ROSTER, [names.roster(roster)], [time.moment(nowMs)]);
    const [version, entries] = reply as readonly [string, readonly EntryReply[]];
    return {
      version: Number(version),
      entries: entries.map(([id, lease, value]) => ({ id: decodeName(id), lease: decodeName(lease), value })),
    };
  }

  /** In slices: for a node with many connections one script would hold up everybody else. */
  async strikeLease(lease: string): Promise<RosterKey[]> {
    const { link, names } = this.#options;
    const changed = new Set<string>();
    for (;;) {
      const reply = await link.run(STRIKE_LEASE, [names.enrolled(lease)], [String(MAX_STRUCK_PER_CALL)]);
      const [count, rosters] = reply as readonly [number, readonly string[]];
      for (const roster of rosters) changed.add(roster);
      if (count < MAX_STRUCK_PER_CALL) return [...changed].map(rosterKeyOf);
    }
  }
}

function versionOf(reply: unknown): number | undefined {
  return reply === null ? undefined : Number(reply);
}

function rosterKeyOf(joined: string): RosterKey {
  const [tenant, kind, name] = splitNames(joined) as [string, RosterKey["kind"], string];
  return { tenant, kind, name };
}
