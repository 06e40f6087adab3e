/**
 * What differs between the doors. `/ws` takes every message; `/ws/stream` is for one execution: it takes one `execute`, what
 * belongs to it, and closes when its last record has been delivered. That of `/events` is in `event-door.ts`.
 */
import type { ClientMessageType } from "@tachikoma/protocol";
import type { Cursor } from "../delivery/cursor.ts";
import { isInbox } from "../session/inbox.ts";
import type { Connection } from "./connection.ts";

export interface Door {
  readonly kind: "session" | "stream" | "events";
  accepts(type: ClientMessageType): boolean;
  /** Whether the door says itself, after the welcome, where a subscription of a resumed session goes on: it waits for that. */
  places(channel: string): boolean;
  onWelcome(connection: Connection, isResumed: boolean): void;
  onExecuted(executionId: string): void;
  onEndDelivered(connection: Connection, cursor: Cursor, executionId: string): void;
}

export const sessionDoor: Door = {
  kind: "session",
  accepts: () => true,
  places: () => false,
  onWelcome() {},
  onExecuted() {},
  onEndDelivered: noteEndOfPrivateChannel,
};

const STREAM_TYPES: ReadonlySet<ClientMessageType> = new Set([
  "execute",
  "cancel",
  "input",
  "ping",
  "ack",
  "auth",
]);

/** A stream door is made anew for each connection. */
export function streamDoor(): Door {
  let hasExecuted = false;
  let executionId: string | undefined;
  return {
    kind: "stream",
    accepts(type) {
      if (!STREAM_TYPES.has(type)) return false;
      if (type !== "execute") return true;
      const isFirst = !hasExecuted;
      hasExecuted = true;
      return isFirst;
    },
    places: () => false,
    onWelcome(connection, isResumed) {
      if (!isResumed) return;
      const isFollowing = [...connection.subscriptions.channels()].some((channel) => !isInbox(channel));
      // The end has been confirmed before: there is nothing left to come.
      if (!isFollowing) connection.closeWith(1000, "Execution ended");
    },
    onExecuted(id) {
      executionId = id;
    },
    onEndDelivered(connection, cursor, endedId) {
      noteEndOfPrivateChannel(connection, cursor);
      // A resumed stream has executed nothing on this connection: the first end is the one it waits for.
      if (executionId === undefined || executionId === endedId) connection.closeWith(1000, "Execution ended");
    },
  };
}

export function noteEndOfPrivateChannel(connection: Connection, cursor: Cursor): void {
  connection.subscriptions.noteEnd(cursor.log.key.channel, cursor.seq);
}
