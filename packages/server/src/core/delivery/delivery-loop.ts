/**
 * The one loop that delivers everything: live records, catch-up after a resume, late joiners and slow readers are the same
 * cursors at different distances from the head.
 *
 *   mark(cursor) -> at the next flush, for each connection with dirty cursors and room:
 *                   read the log from its cursors, merge, frame, write once -> advance the cursors
 *
 * A connection above its high-water mark is not visited until it drains: its cursors stay where they are, so it costs no
 * memory, and what it reads later is merged.
 */
import { formatPosition } from "@tachikoma/protocol";
import type { ChannelLog } from "../log/channel-log.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Observer } from "../observer.ts";
import type { Clock } from "../ports.ts";
import type { Cursor } from "./cursor.ts";
import { moveCursor } from "./cursor.ts";
import type { HistoryReader } from "./history-reader.ts";
import { buildPage, concat, type Page, pageOf } from "./page.ts";
import type { Subscriber } from "./subscriber.ts";

/** Connections that one slice of a flush visits before other work gets its turn. */
const VISITS_PER_SLICE = 256;

export interface DeliveryOptions {
  readonly hub: LogHub;
  readonly history: HistoryReader;
  readonly clock: Clock;
  readonly observer: Observer;
  /** A connection with this many bytes waiting is not given more. */
  readonly highWaterBytes: number;
  /** What one visit writes at most, give or take one frame. */
  readonly pageBytes: number;
  /** How far apart the writes to one connection are at least; with 0 each goes in the turn in which there is something to write. */
  readonly flushWindowMs: () => number;
}

export class DeliveryLoop {
  readonly #options: DeliveryOptions;
  readonly #flushNow = () => this.#flush();
  /** Those that are to be visited, each once: `isQueued` says who is in here or below. */
  #queue: Subscriber[] = [];
  /** Those that were written to a moment ago: what is new for them collects. */
  #collecting: Subscriber[] = [];
  /** Logs whose pages are remembered for the flush that is under way. */
  readonly #pagedLogs = new Set<ChannelLog>();
  #isScheduled = false;
  #windowMs = 0;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  /** In the slice that is under way. */
  #written = nothingWritten();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Something may be there to deliver at this cursor. */
  mark(cursor: Cursor): void {
    const { subscriber } = cursor;
    if (cursor.isDirty || cursor.isHeld || cursor.isLoading || cursor.isDetached || subscriber.isClosed)
      return;
    cursor.isDirty = true;
    subscriber.dirtyCursors.push(cursor);
    this.#wake(subscriber);
  }

  /** The connection has room again. */
  drained(subscriber: Subscriber): void {
    if (subscriber.dirtyCursors.length > 0 && !subscriber.isClosed) this.#wake(subscriber);
  }

  /** One that is closed: where it still stands in line it is passed over. */
  forget(subscriber: Subscriber): void {
    subscriber.dirtyCursors = [];
  }

  #wake(subscriber: Subscriber): void {
    if (subscriber.isQueued) return;
    subscriber.isQueued = true;
    // Asked once for all that are woken in one turn.
    if (!this.#isScheduled) this.#windowMs = this.#options.flushWindowMs();
    if (this.#windowMs > 0 && this.#isRecentlyWritten(subscriber)) {
      this.#collect(subscriber);
      return;
    }
    this.#queue.push(subscriber);
    if (this.#isScheduled) return;
    this.#options.observer.flushPlanned(0);
    this.#schedule();
  }

  #isRecentlyWritten({ writtenAtMs }: Subscriber): boolean {
    return this.#options.clock.monotonicMs() - writtenAtMs < this.#windowMs;
  }

  #collect(subscriber: Subscriber): void {
    this.#collecting.push(subscriber);
    if (this.#collecting.length > 1) return;
    const { clock, observer } = this.#options;
    observer.flushPlanned(this.#windowMs);
    clock.setTimer(this.#windowMs, () => this.flushCollected());
  }

  /** Ends the collecting: what is new for anyone goes out in the next turn. */
  flushCollected(): void {
    for (const subscriber of this.#collecting) this.#queue.push(subscriber);
    this.#collecting = [];
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.clock.defer(this.#flushNow);
  }

  #flush(): void {
    this.#flushedAtMs = this.#options.clock.monotonicMs();
    const slice =
      this.#queue.length > VISITS_PER_SLICE ? this.#queue.splice(0, VISITS_PER_SLICE) : this.#queue;
    if (slice === this.#queue) this.#queue = [];
    for (const subscriber of slice) {
      subscriber.isQueued = false;
      if (!this.#visit(subscriber)) continue;
      subscriber.isQueued = true;
      this.#queue.push(subscriber);
    }
    this.#report();
    this.#isScheduled = false;
    if (this.#queue.length > 0) this.#schedule();
    else this.#forgetPages();
  }

  #report(): void {
    const { recordCount, frameCount, byteCount } = this.#written;
    if (recordCount === 0) return;
    this.#options.observer.pagesWritten(recordCount, frameCount, byteCount);
    this.#written = nothingWritten();
  }

  /** Everyone at the same place has been served: the bytes are in the sockets now, or gone. */
  #forgetPages(): void {
    for (const log of this.#pagedLogs) log.pages = undefined;
    this.#pagedLogs.clear();
  }

  /** Writes one page to one connection. True when it has more to deliver and room for it. */
  #visit(subscriber: Subscriber): boolean {
    if (subscriber.isClosed || !this.#hasRoom(subscriber)) return false;
    if (subscriber.dirtyCursors.length === 1) this.#visitOne(subscriber);
    else this.#visitSome(subscriber);
    return subscriber.dirtyCursors.length > 0 && !subscriber.isClosed && this.#hasRoom(subscriber);
  }

  /** Mostly there is one: this runs for every subscriber of a message. */
  #visitOne(subscriber: Subscriber): void {
    const cursor = subscriber.dirtyCursors.pop()!;
    const page = this.#takePage(cursor, this.#options.pageBytes);
    if (page === undefined) return;
    this.#write(subscriber, page.bytes);
    subscriber.onDelivered(cursor, page);
  }

  #visitSome(subscriber: Subscriber): void {
    const { pageBytes } = this.#options;
    const cursors = subscriber.dirtyCursors;
    subscriber.dirtyCursors = [];
    const written: { cursor: Cursor; page: Page }[] = [];
    let byteCount = 0;
    let visitedCount = 0;
    for (const cursor of cursors) {
      visitedCount += 1;
      const page = this.#takePage(cursor, pageBytes - byteCount);
      if (page === undefined) continue;
      byteCount += page.bytes.byteLength;
      written.push({ cursor, page });
      if (byteCount >= pageBytes) break;
    }
    // The next visit starts with the cursors that got nothing this time.
    if (visitedCount < cursors.length)
      subscriber.dirtyCursors = [...cursors.slice(visitedCount), ...subscriber.dirtyCursors];
    if (byteCount === 0) return;
    const parts = written.map(({ page }) => page.bytes);
    this.#write(subscriber, parts.length === 1 ? parts[0]! : concat(parts, byteCount));
    for (const { cursor, page } of written) subscriber.onDelivered(cursor, page);
  }

  /** The next page of a cursor that was taken out of the dirty ones; it goes back when there is more. */
  #takePage(cursor: Cursor, maxBytes: number): Page | undefined {
    cursor.isDirty = false;
    if (cursor.isDetached) return undefined;
    const page = this.#nextPage(cursor, maxBytes);
    if (page === undefined) return undefined;
    advance(cursor, page);
    if (cursor.seq < cursor.log.head.seq) {
      cursor.isDirty = true;
      cursor.subscriber.dirtyCursors.push(cursor);
    }
    const written = this.#written;
    written.recordCount += page.recordCount;
    written.frameCount += page.frameCount;
    written.byteCount += page.bytes.byteLength;
    return page;
  }

  #write(subscriber: Subscriber, bytes: Uint8Array): void {
    subscriber.writtenAtMs = this.#flushedAtMs;
    subscriber.transport.write(bytes);
  }

  #hasRoom(subscriber: Subscriber): boolean {
    return subscriber.transport.bufferedBytes < this.#options.highWaterBytes;
  }

  #nextPage(cursor: Cursor, maxBytes: number): Page | undefined {
    const { log } = cursor;
    if (cursor.epoch !== log.epoch) {
      this.#resetToOldest(cursor, "epoch_changed");
      return undefined;
    }
    if (cursor.seq >= log.head.seq) return undefined;
    if (cursor.staged !== undefined) {
      const rest = cursor.staged.records.slice(cursor.staged.offset);
      return buildPage(log, rest, cursor.subscriber, maxBytes);
    }
    const hot = pageOf(log, cursor, maxBytes);
    if (hot !== undefined) {
      if (log.pages !== undefined) this.#pagedLogs.add(log);
      return hot;
    }
    this.#load(cursor);
    return undefined;
  }

  /** The records are not in memory: read them, and come back when they are here. */
  #load(cursor: Cursor): void {
    cursor.isLoading = true;
    const afterSeq = cursor.seq;
    this.#options.history.read(cursor.log, afterSeq, (result) => {
      cursor.isLoading = false;
      if (cursor.subscriber.isClosed || cursor.seq !== afterSeq) return this.mark(cursor);
      switch (result.kind) {
        case "failed":
          return cursor.subscriber.onReadFailed();
        case "replaced":
          return this.#resetToOldest(cursor, "epoch_changed");
        case "read":
          if (result.records[0]?.seq !== afterSeq + 1) return this.#resetToOldest(cursor, "trimmed");
          cursor.staged = { records: result.records, offset: 0 };
          return this.mark(cursor);
      }
    });
  }

  /** Moves the cursor to the oldest record that is left and tells the subscriber before anything newer. */
  #resetToOldest(cursor: Cursor, reason: "trimmed" | "epoch_changed"): void {
    cursor.isLoading = true;
    this.#options.hub.state(cursor.log.key).then(
      (state) => {
        cursor.isLoading = false;
        if (cursor.subscriber.isClosed || cursor.isDetached) return;
        this.#options.hub.noteHead(cursor.log.key, state.head);
        moveCursor(cursor, state.base);
        this.#options.observer.resetSent(reason);
        cursor.subscriber.onReset(cursor, reason, formatPosition(state.base));
        this.mark(cursor);
      },
      () => {
        cursor.isLoading = false;
        cursor.subscriber.onReadFailed();
      },
    );
  }
}

function nothingWritten() {
  return { recordCount: 0, frameCount: 0, byteCount: 0 };
}

function advance(cursor: Cursor, page: Page): void {
  const { staged } = cursor;
  cursor.seq = page.place.seq;
  cursor.tag = page.place.tag;
  if (staged === undefined) return;
  const offset = staged.offset + page.recordCount;
  cursor.staged = offset < staged.records.length ? { records: staged.records, offset } : undefined;
}
