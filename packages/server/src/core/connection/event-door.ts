/**
 * The door of `/events`: it follows the channels that the request names, by the same verb as anyone, and where it is there for one
 * execution it closes when that has ended.
 */
import { subscribe } from "../verbs/subscription-verbs.ts";
import type { Connection } from "./connection.ts";
import { type Door, noteEndOfPrivateChannel } from "./door-policy.ts";

export interface FollowedChannel {
  readonly channel: string;
  /** What the client has. @default where a resumed session stands, else `since` */
  readonly position?: string | undefined;
  readonly since?: "start" | "head" | undefined;
}

export interface EventDoorOptions {
  readonly followed: readonly FollowedChannel[];
  /** Closes behind the end of this execution, `any` for the first that ends. @default never */
  readonly endsWith?: string | "any" | undefined;
}

/** A door of events is made anew for each connection. */
export function eventDoor({ followed, endsWith }: EventDoorOptions): Door {
  const names = new Set(followed.map(({ channel }) => channel));
  return {
    kind: "events",
    accepts: () => true,
    places: (channel) => names.has(channel),
    onWelcome(connection) {
      for (const one of followed) follow(connection, one);
    },
    onExecuted() {},
    onEndDelivered(connection, cursor, executionId) {
      noteEndOfPrivateChannel(connection, cursor);
      if (endsWith === undefined || !names.has(cursor.log.key.channel)) return;
      if (endsWith === "any" || endsWith === executionId) connection.closeWith(1000, "Execution ended");
    },
  };
}

function follow(connection: Connection, { channel, position, since }: FollowedChannel): void {
  const place = position ?? connection.session.positions.get(channel);
  // An answer that has to be waited for is sent when it is there; nothing else waits for it.
  void subscribe(connection, {
    type: "subscribe",
    channel,
    ...(place === undefined ? {} : { position: place }),
    ...(since === undefined ? {} : { since }),
  });
}
