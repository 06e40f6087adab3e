import type { Position } from "@tachikoma/protocol";
import type { AppendResult, LogKey, LogRecord, LogState, NewRecord } from "../../stores/store.ts";
import type { Cursor } from "../delivery/cursor.ts";
import type { KnownPage } from "../delivery/page.ts";
import { LogRing } from "./log-ring.ts";
import { loggedRecord } from "./logged-record.ts";

/** How much of each open log is kept in memory. */
export interface RingLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/**
 * One log as this node sees it: where its head is, its newest records, and the cursors that read it. Everything here can be
 * rebuilt from the store; nothing here is ever ahead of it.
 */
export class ChannelLog {
  readonly key: LogKey;
  /** Names it among the logs of this node. */
  readonly id: string;
  /** The channel's name as JSON text: it stands in every frame. */
  readonly channelJson: string;
  readonly cursors = new Set<Cursor>();
  /** Made when there is a page that others may want. */
  pages: KnownPage[] | undefined;
  readonly ring: LogRing;
  /** Monotonic time of the last append or change of readers, for closing idle logs. */
  touchedAtMs: number;
  /** True while every append of another node is heard of, so that `head` is the head of the store but for the way. */
  isFollowed = false;
  #head: Position;

  constructor(key: LogKey, state: LogState, limits: RingLimits, monotonicMs: number) {
    this.key = key;
    this.id = logIdOf(key);
    this.channelJson = JSON.stringify(key.channel);
    this.#head = state.head;
    this.ring = new LogRing(state.head.seq, limits.maxRecords, limits.maxBytes);
    this.touchedAtMs = monotonicMs;
  }

  get head(): Position {
    return this.#head;
  }

  get epoch(): string {
    return this.#head.epoch;
  }

  /** Takes in what was just stored. Returns false when nothing is new here. */
  accept(result: AppendResult, records: readonly NewRecord[]): boolean {
    const isSameEpoch = result.epoch === this.#head.epoch;
    if (isSameEpoch && result.lastSeq <= this.#head.seq) return false;
    this.pages = undefined;
    // Someone else appended in between (or the log was made anew): those records are read from the store.
    if (!isSameEpoch || result.firstSeq !== this.#head.seq + 1) this.ring.restart(result.firstSeq - 1);
    this.#head = { epoch: result.epoch, seq: result.lastSeq, tag: result.tag };
    for (const [index, record] of records.entries()) {
      this.ring.push(loggedRecord(record, result.firstSeq + index, result.tag, result.timeMs));
    }
    return true;
  }

  /** Learns of a head that others wrote. Returns false when it is not news. */
  noteHead(head: Position): boolean {
    if (head.epoch === this.#head.epoch && head.seq <= this.#head.seq) return false;
    this.#head = head;
    this.pages = undefined;
    this.ring.restart(head.seq);
    return true;
  }

  /** Takes in records that others wrote, as far as they follow the head without a gap. Returns false when none is new. */
  takeIn(records: readonly LogRecord[]): boolean {
    const headBefore = this.#head;
    for (const record of records) {
      if (record.seq !== this.#head.seq + 1) continue;
      this.ring.push(record);
      this.#head = { epoch: this.#head.epoch, seq: record.seq, tag: record.tag };
    }
    if (this.#head === headBefore) return false;
    this.pages = undefined;
    return true;
  }

  /**
   * The store contradicts what was known here: no cursor is where it seems to be. Each is reset before it is given anything.
   */
  fork(head: Position): void {
    this.#head = head;
    this.pages = undefined;
    this.ring.restart(head.seq);
    for (const cursor of this.cursors) cursor.epoch = UNPROVEN_EPOCH;
  }
}

/** No log has it. */
const UNPROVEN_EPOCH = "";

export function logIdOf({ tenant, channel }: LogKey): string {
  return `${tenant}\u0000${channel}`;
}
