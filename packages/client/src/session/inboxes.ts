import { type Position, parsePosition, RESERVED_PREFIX, type ServerMessageOf } from "@tachikoma/protocol";
import type { Delivery, InboxMessage, InboxReset } from "../api.ts";
import { cursorAt } from "../channel/channel-cursor.ts";
import type { Channels } from "../channel/channels.ts";
import type { Follower, Place } from "../channel/follower.ts";
import type { SessionMemory } from "./session-memory.ts";

export interface InboxPorts {
  readonly channels: Channels;
  readonly memory: SessionMemory;
  message(message: InboxMessage): void;
  reset(reset: InboxReset): void;
  failed(error: Error): void;
}

type Welcome = ServerMessageOf<"welcome">;

/**
 * The three inboxes of the session. The server delivers them without being asked; after a resume it waits for our own positions,
 * as in every channel. What they hold belongs to a session: with a new one they start again.
 */
export class Inboxes {
  readonly #ports: InboxPorts;
  readonly #followers = new Map<string, InboxFollower>();

  constructor(ports: InboxPorts) {
    this.#ports = ports;
  }

  /** Returns from where the server delivers by itself, by channel. */
  welcomed({ resumed, subscriptions }: Welcome): ReadonlyMap<string, Position> {
    const deliveredFrom = new Map<string, Position>();
    if (!resumed) this.#leaveAll();
    for (const { channel, position: text, reason } of subscriptions) {
      const kind = inboxKindOf(channel);
      const position = text === undefined ? undefined : parsePosition(text);
      if (kind === undefined || position === undefined) continue;
      if (!resumed) deliveredFrom.set(channel, position);
      if (this.#followers.has(channel)) continue;
      const remembered = parsePosition(this.#ports.memory.inboxPosition(channel) ?? "");
      this.#follow(channel, kind, resumed ? (remembered ?? position) : position, resumed);
      // With a position of our own, the server says so in answer to it.
      const isLossUntold = resumed && remembered === undefined && reason !== undefined;
      if (isLossUntold && reason !== "forbidden") this.#ports.reset({ inbox: kind, reason });
    }
    return deliveredFrom;
  }

  #follow(channel: string, kind: InboxMessage["inbox"], position: Position, isClaimed: boolean): void {
    const place: Place = { kind: isClaimed ? "claimed" : "placed", cursor: cursorAt(position) };
    const follower = new InboxFollower(this.#ports, kind, place);
    this.#followers.set(channel, follower);
    this.#ports.channels.get(channel).add(follower);
  }

  #leaveAll(): void {
    for (const [channel, follower] of this.#followers) this.#ports.channels.get(channel).remove(follower);
    this.#followers.clear();
  }
}

class InboxFollower implements Follower {
  place: Place;
  isPaused = false;
  readonly #ports: InboxPorts;
  readonly #inbox: InboxMessage["inbox"];

  constructor(ports: InboxPorts, inbox: InboxMessage["inbox"], place: Place) {
    this.#ports = ports;
    this.#inbox = inbox;
    this.place = place;
  }

  deliver(delivery: Delivery): void {
    this.#ports.memory.readUpTo(delivery.channel, delivery.position);
    if (delivery.type === "reset") {
      this.#ports.reset({ inbox: this.#inbox, reason: delivery.reason });
    } else if (delivery.type === "message") {
      const { position, data, sender } = delivery;
      this.#ports.message({ inbox: this.#inbox, position, data, ...(sender !== undefined && { sender }) });
    }
  }

  closed(error: Error | undefined): void {
    if (error !== undefined) this.#ports.failed(error);
  }
}

function inboxKindOf(channel: string): InboxMessage["inbox"] | undefined {
  if (channel === `${RESERVED_PREFIX}all`) return "all";
  if (channel.startsWith(`${RESERVED_PREFIX}session:`)) return "session";
  return channel.startsWith(`${RESERVED_PREFIX}client:`) ? "client" : undefined;
}
