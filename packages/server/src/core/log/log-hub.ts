/**
 * The logs that are open on this node, and the only way in which anything is appended.
 *
 *   append -> store (durable) -> ring of the open log -> its cursors are marked dirty
 *
 * Nothing reaches a cursor that the store has not acknowledged.
 */
import { errorCodeOf, type Position, TachikomaError } from "@tachikoma/protocol";
import type {
  AppendResult,
  Fence,
  LogKey,
  LogRecord,
  LogState,
  NewRecord,
  ReadResult,
  Retention,
  Store,
} from "../../stores/store.ts";
import type { Cursor } from "../delivery/cursor.ts";
import type { NamespaceTable } from "../namespace.ts";
import type { Observer } from "../observer.ts";
import type { Clock } from "../ports.ts";
import { ChannelLog, logIdOf, type RingLimits } from "./channel-log.ts";

/** Of the bytes that may be hot, where there were more. */
const COOL_TO_SHARE = 0.9;
/** How exact the order of use has to be. */
const TOUCH_STEP_MS = 1_000;

export interface LogHubOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly namespaces: NamespaceTable;
  readonly observer: Observer;
  readonly ring: RingLimits;
  /** Bytes of hot records over all logs; beyond it the logs that were touched longest ago are emptied. */
  readonly maxHotBytes: number;
  /** A log without readers leaves memory after this. */
  readonly closeIdleLogAfterMs: number;
  /** Called when a log has news for its cursors. */
  readonly onAdvance: (log: ChannelLog) => void;
  /** Called when a log gains or loses a reader. */
  readonly onReadersChanged: (log: ChannelLog) => void;
  /** Called when a log gains its first reader or loses its last: where others append too, it has to be followed between. */
  readonly onReadChanged: (log: ChannelLog, isRead: boolean) => void;
}

export interface OpenedLog {
  readonly log: ChannelLog;
  readonly head: Position;
  /** The ends as the store had them, where it was asked. */
  readonly state?: LogState;
}

export interface AppendOptions {
  readonly idempotencyKey?: string | undefined;
  readonly fence?: Fence | undefined;
  readonly expectedHead?: Position | undefined;
  /** @default that of the channel's namespace */
  readonly retention?: Retention | undefined;
}

export class LogHub {
  readonly #options: LogHubOptions;
  readonly #logs = new Map<string, ChannelLog>();
  /** Those with records in memory, in the order in which they were used. */
  readonly #hot = new Set<ChannelLog>();
  readonly #opening = new Map<string, Promise<OpenedLog>>();
  #hotBytes = 0;

  constructor(options: LogHubOptions) {
    this.#options = options;
  }

  get openLogCount(): number {
    return this.#logs.size;
  }

  get hotBytes(): number {
    return this.#hotBytes;
  }

  logs(): Iterable<ChannelLog> {
    return this.#logs.values();
  }

  /** The log, when it is open here. */
  peek(key: LogKey): ChannelLog | undefined {
    return this.#logs.get(logIdOf(key));
  }

  /**
   * Opens a log. `head` is where the log ended when `open` was called: appends issued after the call come after it, even
   * when they are stored before the promise resolves.
   */
  async open(key: LogKey): Promise<OpenedLog> {
    const open = this.peek(key);
    // Of a log that others append to, what is known here may be old.
    if (open !== undefined && (open.isFollowed || !this.#options.store.isShared)) {
      this.#touch(open);
      return { log: open, head: open.head };
    }
    const id = logIdOf(key);
    const underWay = this.#opening.get(id);
    if (underWay !== undefined) return underWay;
    const { store, clock } = this.#options;
    const opening = store
      .openLog(key, clock.nowMs())
      .then((state) => ({ log: this.#adopt(key, state), head: state.head, state }));
    this.#opening.set(id, opening);
    const forget = () => this.#opening.delete(id);
    opening.then(forget, forget);
    return opening;
  }

  maxRecordBytesOf(channel: string): number {
    return this.#options.namespaces.configOf(channel).maxRecordBytes;
  }

  /** @throws RECORD_TOO_LARGE when the channel does not take a record of this size */
  checkSize(channel: string, body: string): void {
    checkRecordSize(body, channel, this.maxRecordBytesOf(channel));
  }

  /** The ends of a log as the store has them now. */
  async state(key: LogKey): Promise<LogState> {
    const { store, clock } = this.#options;
    const state = await store.openLog(key, clock.nowMs());
    // Under another epoch, what is hot here is of another history.
    this.noteHead(key, state.head);
    return state;
  }

  async append(
    key: LogKey,
    records: readonly NewRecord[],
    options: AppendOptions = {},
  ): Promise<AppendResult> {
    const { store, clock, namespaces, observer } = this.#options;
    const startedAtMs = clock.monotonicMs();
    const appending = store.append({
      key,
      records,
      nowMs: clock.nowMs(),
      retention: options.retention ?? namespaces.configOf(key.channel).retention,
      ...(options.idempotencyKey === undefined ? {} : { idempotencyKey: options.idempotencyKey }),
      ...(options.fence === undefined ? {} : { fence: options.fence }),
      ...(options.expectedHead === undefined ? {} : { expectedHead: options.expectedHead }),
    });
    let result: AppendResult;
    try {
      result = await appending;
    } catch (cause) {
      const code = errorCodeOf(cause);
      if (code === "FENCED") observer.fenceHit();
      else if (code !== "HEAD_MOVED") observer.storeFailed("append");
      throw cause;
    }
    observer.appendDone(clock.monotonicMs() - startedAtMs);
    if (result.isDuplicate) {
      // What the first call appended need not be what this one asked for: it is read from the store.
      this.noteHead(key, { epoch: result.epoch, seq: result.lastSeq, tag: result.tag });
    } else {
      for (const record of records) observer.recordAppended(record.type, 1);
      this.#accept(key, result, records);
    }
    return result;
  }

  /** The record's tag at a place of the log, `undefined` when the store does not hold that record (any more). */
  async tagAt(key: LogKey, seq: number): Promise<string | undefined> {
    const hot = this.peek(key)?.ring.at(seq);
    if (hot !== undefined) return hot.tag;
    const found = await this.read(key, seq - 1, 1, 1);
    const record = found?.records[0];
    return record?.seq === seq ? record.tag : undefined;
  }

  async read(
    key: LogKey,
    afterSeq: number,
    maxRecords: number,
    maxBytes: number,
  ): Promise<ReadResult | undefined> {
    return this.#options.store.read({ key, afterSeq, maxRecords, maxBytes });
  }

  /** Records that are in memory, `undefined` when the reader must go to the store. */
  hotRecords(log: ChannelLog, afterSeq: number, maxRecords: number): readonly LogRecord[] | undefined {
    return log.ring.after(afterSeq, maxRecords);
  }

  attach(cursor: Cursor): void {
    const { log } = cursor;
    log.cursors.add(cursor);
    this.#touch(log);
    // A log that was closed for idleness between opening and attaching comes back under the same object.
    if (!this.#logs.has(log.id)) this.#logs.set(log.id, log);
    this.#options.onReadersChanged(log);
    if (log.cursors.size === 1) this.#options.onReadChanged(log, true);
  }

  detach(cursor: Cursor): void {
    const { log } = cursor;
    cursor.isDetached = true;
    if (!log.cursors.delete(cursor)) return;
    this.#touch(log);
    this.#options.onReadersChanged(log);
    if (log.cursors.size === 0) this.#options.onReadChanged(log, false);
  }

  /** Learns where a log's head is that others wrote. */
  noteHead(key: LogKey, head: Position): void {
    const log = this.peek(key);
    if (log !== undefined) this.#advance(log, () => log.noteHead(head));
  }

  /** Takes in records that others wrote. */
  takeIn(log: ChannelLog, records: readonly LogRecord[]): void {
    this.#advance(log, () => log.takeIn(records));
  }

  /** The store has another history than was delivered here: every reader is reset. */
  fork(log: ChannelLog, head: Position): void {
    this.#advance(log, () => {
      log.fork(head);
      return true;
    });
  }

  /** Closes what nobody has used for a while. */
  tidy(): void {
    const { clock, closeIdleLogAfterMs } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [id, log] of this.#logs) {
      if (log.cursors.size > 0 || nowMs - log.touchedAtMs < closeIdleLogAfterMs) continue;
      this.#cool(log);
      this.#logs.delete(id);
    }
  }

  /** Empties the rings of the logs that were used longest ago, and a few more, so that not every append has to. */
  #coolSome(): void {
    const targetBytes = this.#options.maxHotBytes * COOL_TO_SHARE;
    for (const log of this.#hot) {
      if (this.#hotBytes <= targetBytes) return;
      this.#cool(log);
    }
  }

  #cool(log: ChannelLog): void {
    this.#hotBytes -= log.ring.byteCount;
    this.#hot.delete(log);
    log.ring.restart(log.head.seq);
  }

  #adopt(key: LogKey, state: LogState): ChannelLog {
    const id = logIdOf(key);
    const existing = this.#logs.get(id);
    if (existing !== undefined) {
      this.#touch(existing);
      this.noteHead(key, state.head);
      return existing;
    }
    const log = new ChannelLog(key, state, this.#options.ring, this.#options.clock.monotonicMs());
    this.#logs.set(id, log);
    return log;
  }

  #accept(key: LogKey, result: AppendResult, records: readonly NewRecord[]): void {
    const log = this.peek(key);
    if (log !== undefined) this.#advance(log, () => log.accept(result, records));
  }

  /** @param change says whether there is news for the log's readers */
  #advance(log: ChannelLog, change: () => boolean): void {
    const hotBefore = log.ring.byteCount;
    if (!change()) return;
    this.#hotBytes += log.ring.byteCount - hotBefore;
    this.#touch(log);
    if (hotBefore === 0) this.#hot.add(log);
    if (this.#hotBytes > this.#options.maxHotBytes) this.#coolSome();
    this.#options.onAdvance(log);
  }

  #touch(log: ChannelLog): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - log.touchedAtMs < TOUCH_STEP_MS) return;
    log.touchedAtMs = nowMs;
    // Moves the log to the end of the map, so that the map is in order of use.
    if (this.#logs.delete(log.id)) this.#logs.set(log.id, log);
    if (this.#hot.delete(log)) this.#hot.add(log);
  }
}

const utf8 = new TextEncoder();

/** A record as one append takes it, refused when it is larger than its channel allows. */
export function checkRecordSize(body: string, channel: string, maxRecordBytes: number): void {
  // UTF-8 takes at most three bytes for each UTF-16 unit, so most records need not be encoded to be measured.
  if (body.length * 3 <= maxRecordBytes) return;
  const byteCount = utf8.encode(body).length;
  if (byteCount > maxRecordBytes) {
    throw new TachikomaError(
      "RECORD_TOO_LARGE",
      `Data has ${byteCount} bytes, the limit of ${channel} is ${maxRecordBytes}`,
    );
  }
}
