/**
 * Keeps the logs that are read here up to date with what other nodes append.
 *
 *   first reader -> follow -> a look at the head -> hint: read what follows the own head -> ring -> cursors
 *
 * Hints may be lost, so every followed log's head is asked for now and then. A read starts at the record that is the head here: if
 * the store has another one in its place the two histories differ, and no reader may go on as if nothing had happened.
 */
import type { Position } from "@tachikoma/protocol";
import type { LogKey, LogState, ReadResult, Store } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Observer } from "../observer.ts";
import type { Clock, Logger, Timer } from "../ports.ts";

export interface LogFollowerOptions {
  readonly store: Store;
  readonly hub: () => LogHub;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observer: Observer;
}

/** A subscriber that heard nothing sees what is new at most this much later. */
export const HEAD_CHECK_INTERVAL_MS = 5_000;
/** Logs whose heads one call asks for. */
const MAX_HEADS_PER_CALL = 256;
/** What one read of news takes in; readers of more than that go to the store themselves. */
const MAX_READ_RECORDS = 512;
const MAX_READ_BYTES = 256 * 1024;

interface Followed {
  readonly log: ChannelLog;
  isReading: boolean;
  /** Something was heard of while it was read. */
  isReadDue: boolean;
}

export class LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #followed = new Map<ChannelLog, Followed>();
  #timer: Timer | undefined;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer = this.#options.clock.setTimer(HEAD_CHECK_INTERVAL_MS, () => {
      this.start();
      this.#check([...this.#followed.values()]);
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The log has readers here, or has none any more. */
  onReadChanged(log: ChannelLog, isRead: boolean): void {
    if (isRead) this.#follow(log);
    else {
      this.#followed.delete(log);
      log.isFollowed = false;
      this.#options.store.unfollow(log.key);
    }
  }

  onHead(key: LogKey, head: Position): void {
    const log = this.#options.hub().peek(key);
    const followed = log === undefined ? undefined : this.#followed.get(log);
    if (followed === undefined) return;
    const isNews = head.epoch !== followed.log.epoch || head.seq > followed.log.head.seq;
    if (isNews) this.#read(followed);
  }

  onHintsLost(): void {
    this.#options.observer.hintsLost();
    this.#check([...this.#followed.values()]);
  }

  #follow(log: ChannelLog): void {
    const followed: Followed = { log, isReading: false, isReadDue: false };
    this.#followed.set(log, followed);
    this.#options.store.follow(log.key).then(
      () => {
        if (this.#followed.get(log) !== followed) return;
        log.isFollowed = true;
        // What was appended since the log was opened nobody has told.
        this.#check([followed]);
      },
      (cause: unknown) => {
        // The periodic check sees what no hint tells; it also tries again.
        this.#options.logger.warn({ err: cause, channel: log.key.channel }, "Log cannot be followed yet");
      },
    );
  }

  /** Compares what is known here with the store. */
  #check(all: readonly Followed[]): void {
    for (let start = 0; start < all.length; start += MAX_HEADS_PER_CALL) {
      const some = all.slice(start, start + MAX_HEADS_PER_CALL);
      const asked = some.map(({ log }) => log.head);
      this.#options.store.logStates(some.map(({ log }) => log.key)).then(
        (states) => {
          for (const [index, followed] of some.entries())
            this.#compare(followed, asked[index]!, states[index]);
        },
        () => this.#options.observer.storeFailed("logStates"),
      );
    }
  }

  /** @param asked the head here when the store was asked: the store has acknowledged it before */
  #compare(followed: Followed, asked: Position, state: LogState | undefined): void {
    const { log } = followed;
    if (this.#followed.get(log) !== followed) return;
    if (!log.isFollowed) this.#follow(log);
    if (state === undefined) return this.#reopen(log);
    const { head } = state;
    if (log.epoch !== asked.epoch) return;
    if (head.epoch !== asked.epoch) return this.#options.hub().noteHead(log.key, head);
    if (head.seq < asked.seq || (head.seq === asked.seq && head.tag !== asked.tag)) {
      return this.#fork(log, head);
    }
    if (head.seq <= log.head.seq) return;
    if (!followed.isReading) this.#options.observer.headRepaired(1);
    this.#read(followed);
  }

  #read(followed: Followed): void {
    if (followed.isReading) {
      followed.isReadDue = true;
      return;
    }
    followed.isReading = true;
    followed.isReadDue = false;
    const { log } = followed;
    const asked = log.head;
    const request = {
      key: log.key,
      afterSeq: Math.max(0, asked.seq - 1),
      maxRecords: MAX_READ_RECORDS,
      maxBytes: MAX_READ_BYTES,
    };
    this.#options.store
      .read(request)
      .then(
        (result) => this.#takeIn(followed, asked, result),
        () => this.#options.observer.storeFailed("read"),
      )
      .finally(() => {
        followed.isReading = false;
        if (followed.isReadDue && this.#followed.get(log) === followed) this.#read(followed);
      });
  }

  #takeIn({ log }: Followed, asked: Position, result: ReadResult | undefined): void {
    const hub = this.#options.hub();
    if (result === undefined) return this.#reopen(log);
    const { state, records } = result;
    // The log was made anew, or is known here under a later identity than it was read.
    if (log.epoch !== asked.epoch || state.head.epoch !== asked.epoch) {
      if (log.epoch === asked.epoch) hub.noteHead(log.key, state.head);
      return;
    }
    if (isOtherHistory(asked, result)) return this.#fork(log, state.head);
    hub.takeIn(log, records);
    const isMoreThere = state.head.seq > log.head.seq;
    if (isMoreThere) hub.noteHead(log.key, state.head);
  }

  #fork(log: ChannelLog, head: Position): void {
    const { logger, hub } = this.#options;
    logger.warn(
      { channel: log.key.channel },
      "The store has another history of this channel; readers are reset",
    );
    hub().fork(log, head);
  }

  /** The store does not know the log any more: it is made anew, under another epoch. */
  #reopen(log: ChannelLog): void {
    const { hub, observer } = this.#options;
    hub()
      .state(log.key)
      .then(
        ({ head }) => hub().noteHead(log.key, head),
        () => observer.storeFailed("openLog"),
      );
  }
}

/** Whether the store has something else where the head was. */
function isOtherHistory(head: Position, { state, records }: ReadResult): boolean {
  if (state.head.seq < head.seq) return true;
  const first = records[0];
  if (first?.seq === head.seq) return first.tag !== head.tag;
  return state.base.seq === head.seq && state.base.tag !== head.tag;
}
