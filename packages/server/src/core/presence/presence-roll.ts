/** Who is present in one channel: the sessions of the roster, seen as clients. A client with several sessions is one member. */
import type { PresenceMember } from "@tachikoma/protocol";
import type { PresenceEntry } from "./presence-entry.ts";

/** What readers of the channel are told. */
export interface PresenceEvent {
  readonly event: "join" | "update" | "leave";
  readonly members: readonly PresenceMember[];
}

export class PresenceRoll {
  /** By client, then by session. */
  readonly #clients = new Map<string, Map<string, PresenceEntry>>();
  readonly #clientOf = new Map<string, string>();

  static of(entries: Iterable<readonly [sessionId: string, entry: PresenceEntry]>): PresenceRoll {
    const roll = new PresenceRoll();
    for (const [sessionId, entry] of entries) roll.#put(sessionId, entry);
    return roll;
  }

  members(): PresenceMember[] {
    return [...this.#clients.keys()].map((clientId) => memberOf(this.shown(clientId)!));
  }

  /** The latest that any session of the client has set: the same on every node. */
  shown(clientId: string): PresenceEntry | undefined {
    let shown: readonly [sessionId: string, entry: PresenceEntry] | undefined;
    for (const one of this.#clients.get(clientId) ?? [])
      if (shown === undefined || isLater(one, shown)) shown = one;
    return shown?.[1];
  }

  /** Takes in what became of a session; says what can be seen of it. */
  change(sessionId: string, entry: PresenceEntry | undefined): PresenceEvent | undefined {
    const clientId = entry?.clientId ?? this.#clientOf.get(sessionId);
    if (clientId === undefined) return undefined;
    const before = this.shown(clientId);
    if (entry === undefined) this.#remove(sessionId);
    else this.#put(sessionId, entry);
    const change = changeOf(before, this.shown(clientId));
    return change === undefined ? undefined : { event: change.event, members: [change.member] };
  }

  /** What can be seen of the way from this roll to a later one. */
  eventsTo(later: PresenceRoll): PresenceEvent[] {
    const members = {
      leave: [] as PresenceMember[],
      join: [] as PresenceMember[],
      update: [] as PresenceMember[],
    };
    for (const clientId of new Set([...this.#clients.keys(), ...later.#clients.keys()])) {
      const change = changeOf(this.shown(clientId), later.shown(clientId));
      if (change !== undefined) members[change.event].push(change.member);
    }
    const events = (["leave", "join", "update"] as const).map((event) => ({
      event,
      members: members[event],
    }));
    return events.filter((one) => one.members.length > 0);
  }

  #put(sessionId: string, entry: PresenceEntry): void {
    this.#remove(sessionId);
    const sessions = this.#clients.get(entry.clientId) ?? new Map<string, PresenceEntry>();
    sessions.set(sessionId, entry);
    this.#clients.set(entry.clientId, sessions);
    this.#clientOf.set(sessionId, entry.clientId);
  }

  #remove(sessionId: string): void {
    const clientId = this.#clientOf.get(sessionId);
    if (clientId === undefined) return;
    this.#clientOf.delete(sessionId);
    const sessions = this.#clients.get(clientId);
    sessions?.delete(sessionId);
    if (sessions?.size === 0) this.#clients.delete(clientId);
  }
}

type Placed = readonly [sessionId: string, entry: PresenceEntry];

function isLater([id, entry]: Placed, [otherId, other]: Placed): boolean {
  return entry.setAtMs > other.setAtMs || (entry.setAtMs === other.setAtMs && id > otherId);
}

function memberOf({ clientId, state }: PresenceEntry): PresenceMember {
  return { clientId, state };
}

function changeOf(
  before: PresenceEntry | undefined,
  after: PresenceEntry | undefined,
): { readonly event: PresenceEvent["event"]; readonly member: PresenceMember } | undefined {
  if (after === undefined)
    return before === undefined ? undefined : { event: "leave", member: memberOf(before) };
  if (before === undefined) return { event: "join", member: memberOf(after) };
  const isSame =
    before.setAtMs === after.setAtMs && JSON.stringify(before.state) === JSON.stringify(after.state);
  return isSame ? undefined : { event: "update", member: memberOf(after) };
}
