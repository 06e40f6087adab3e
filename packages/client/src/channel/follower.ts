import type { Delivery, PresenceEvent, ResetDelivery, SignalEvent, SubscribedEvent } from "../api.ts";
import type { ClientError } from "../client-error.ts";
import type { Cursor } from "./channel-cursor.ts";

/** Where a follower stands. Only a `placed` one is given records. */
export type Place =
  | { readonly kind: "head" }
  | { readonly kind: "start" }
  /** A position that the server has not yet confirmed on this connection. */
  | { readonly kind: "claimed"; readonly cursor: Cursor }
  | { readonly kind: "placed"; readonly cursor: Cursor };

/** One local reader of a channel. */
export interface Follower {
  place: Place;
  /** A paused follower is given nothing; it goes on from its place later. */
  isPaused: boolean;
  /** The next record; `place` is behind it already. */
  deliver(delivery: Delivery | ResetDelivery): void;
  subscribed?(event: SubscribedEvent): void;
  /** The head that the server will name may lie behind what this follower waits for: it was not asked in time, or its answer is lost. */
  headLost?(): void;
  signal?(event: SignalEvent): void;
  presence?(event: PresenceEvent): void;
  /** The server refuses the channel, or the client is closed. The follower is gone from the channel. */
  closed(error: ClientError | undefined): void;
}
