import type { LogRecord } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Subscriber } from "./subscriber.ts";

/** Records read from the store for one cursor, partly delivered. */
export interface StagedPage {
  readonly records: readonly LogRecord[];
  /** Index of the first record that was not delivered yet. */
  readonly offset: number;
}

/**
 * One subscriber's place in one log: everything at or before it has been written to the connection. There is no queue behind
 * it; what comes next is whatever the log holds next.
 */
export interface Cursor {
  readonly log: ChannelLog;
  readonly subscriber: Subscriber;
  epoch: string;
  seq: number;
  tag: string;
  /** Seq that the peer is known to have; `undefined` before the first confirmation. */
  confirmedSeq: number | undefined;
  staged: StagedPage | undefined;
  /** True while it is among its subscriber's dirty cursors: there may be something to deliver. */
  isDirty: boolean;
  /** True while a read from the store is under way for this cursor. */
  isLoading: boolean;
  /** True when the subscription is over: nothing is delivered any more, also not what is still being read. */
  isDetached: boolean;
  /** True while the client has not said yet where it wants to continue. */
  isHeld: boolean;
}

export function createCursor(log: ChannelLog, subscriber: Subscriber, at: CursorPlace): Cursor {
  return {
    log,
    subscriber,
    epoch: at.epoch,
    seq: at.seq,
    tag: at.tag,
    confirmedSeq: at.seq,
    staged: undefined,
    isDirty: false,
    isLoading: false,
    isDetached: false,
    isHeld: false,
  };
}

export interface CursorPlace {
  readonly epoch: string;
  readonly seq: number;
  readonly tag: string;
}

export function moveCursor(cursor: Cursor, to: CursorPlace): void {
  cursor.epoch = to.epoch;
  cursor.seq = to.seq;
  cursor.tag = to.tag;
  cursor.confirmedSeq = to.seq;
  cursor.staged = undefined;
}
