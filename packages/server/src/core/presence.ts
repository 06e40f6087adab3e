/**
 * Who is present in which channel. Not logged: it is what is true now. A member whose connection is lost leaves only after a
 * grace, so that a fast reconnect shows nothing to the others.
 */
import { encodeMessage, type PresenceMember } from "@tachikoma/protocol";
import type { LogKey } from "../stores/store.ts";
import type { LogHub } from "./log/log-hub.ts";
import type { Clock, Timer } from "./ports.ts";

interface Member {
  state: unknown;
  /** Sessions in which this client is present here. */
  readonly sessions: Set<string>;
}

export interface PresenceOptions {
  readonly clock: Clock;
  readonly hub: () => LogHub;
  readonly leaveAfterMs: number;
}

export class PresenceTable {
  readonly #options: PresenceOptions;
  readonly #channels = new Map<string, { readonly key: LogKey; readonly members: Map<string, Member> }>();
  /** Sessions that lost their connection, with what will make them leave. */
  readonly #leaving = new Map<string, Timer>();
  readonly #channelsOfSession = new Map<string, Map<string, { key: LogKey; clientId: string }>>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  members(key: LogKey): PresenceMember[] {
    const channel = this.#channels.get(idOf(key));
    if (channel === undefined) return [];
    return [...channel.members].map(([clientId, member]) => ({ clientId, state: member.state }));
  }

  /** Makes the client present, or changes what it shows. */
  set(key: LogKey, sessionId: string, clientId: string, state: unknown): void {
    const id = idOf(key);
    const channel = this.#channels.get(id) ?? { key, members: new Map<string, Member>() };
    this.#channels.set(id, channel);
    const member = channel.members.get(clientId);
    if (member === undefined) channel.members.set(clientId, { state, sessions: new Set([sessionId]) });
    else {
      member.state = state;
      member.sessions.add(sessionId);
    }
    const mine =
      this.#channelsOfSession.get(sessionId) ?? new Map<string, { key: LogKey; clientId: string }>();
    mine.set(id, { key, clientId });
    this.#channelsOfSession.set(sessionId, mine);
    this.#announce(key, member === undefined ? "join" : "update", [{ clientId, state }]);
  }

  /** The session does not follow the channel any more. */
  leave(key: LogKey, sessionId: string): void {
    const id = idOf(key);
    const mine = this.#channelsOfSession.get(sessionId);
    const entry = mine?.get(id);
    if (mine === undefined || entry === undefined) return;
    mine.delete(id);
    if (mine.size === 0) this.#channelsOfSession.delete(sessionId);
    const channel = this.#channels.get(id);
    const member = channel?.members.get(entry.clientId);
    if (channel === undefined || member === undefined) return;
    member.sessions.delete(sessionId);
    if (member.sessions.size > 0) return;
    channel.members.delete(entry.clientId);
    if (channel.members.size === 0) this.#channels.delete(id);
    this.#announce(key, "leave", [{ clientId: entry.clientId, state: member.state }]);
  }

  /** The session's connection is gone; unless it comes back in time, it leaves everywhere. */
  detached(sessionId: string): void {
    if (!this.#channelsOfSession.has(sessionId) || this.#leaving.has(sessionId)) return;
    const timer = this.#options.clock.setTimer(this.#options.leaveAfterMs, () => {
      this.#leaving.delete(sessionId);
      for (const { key } of [...(this.#channelsOfSession.get(sessionId)?.values() ?? [])]) {
        this.leave(key, sessionId);
      }
    });
    this.#leaving.set(sessionId, timer);
  }

  attached(sessionId: string): void {
    this.#leaving.get(sessionId)?.cancel();
    this.#leaving.delete(sessionId);
  }

  close(): void {
    for (const timer of this.#leaving.values()) timer.cancel();
    this.#leaving.clear();
  }

  #announce(key: LogKey, event: "join" | "update" | "leave", members: PresenceMember[]): void {
    const log = this.#options.hub().peek(key);
    if (log === undefined) return;
    const text = encodeMessage({ type: "presence", channel: key.channel, event, members });
    for (const cursor of log.cursors) cursor.subscriber.onPresence(key, text);
  }
}

function idOf(key: LogKey): string {
  return `${key.tenant}\u0000${key.channel}`;
}
