import type { LogKey } from "../../stores/store.ts";
import type { Transport } from "../ports.ts";
import type { Cursor } from "./cursor.ts";
import type { Page } from "./page.ts";

/** What the delivery loop knows of a connection. */
export interface Subscriber {
  readonly sessionId: string;
  readonly transport: Transport;
  readonly isClosed: boolean;
  /** Cursors with something to deliver, oldest mark first. */
  dirtyCursors: Cursor[];
  /** Kept by the delivery loop, like the next: it is going to be visited. */
  isQueued: boolean;
  /** Monotonic time of the last page. */
  writtenAtMs: number;
  /** A page of this cursor's log has been written to the transport. */
  onDelivered(cursor: Cursor, page: Page): void;
  /** Continuity of this cursor is lost; it goes on from `position`, and nothing newer has been written yet. */
  onReset(cursor: Cursor, reason: "trimmed" | "epoch_changed", position: string): void;
  /** The store cannot be read: the subscriber has to come back later. */
  onReadFailed(): void;
  /** Something about who is present, for a subscriber of the channel. */
  onPresence(key: LogKey, text: string): void;
  /** Sends what may be lost. False when there was no room for it. */
  sendIfRoom(text: string): boolean;
}
