/**
 * A page: some records of a log as the bytes of one write. Adjacent deltas of one part become one frame. The bytes carry nothing
 * of the connection, so all subscribers at the same place share them.
 */
import {
  encodeChunkFrame,
  encodeExecutionFrame,
  encodeMessageFrame,
  encodeSkipFrame,
  formatPosition,
  type MergedRecords,
  RecordMerger,
} from "@tachikoma/protocol";
import type { LogRecord } from "../../stores/store.ts";
import type { ChannelLog } from "../log/channel-log.ts";
import type { Framing } from "../ports.ts";
import type { Cursor, CursorPlace } from "./cursor.ts";

export interface Page {
  readonly bytes: Uint8Array;
  /** Where a cursor stands that has been given the page. */
  readonly place: CursorPlace;
  readonly recordCount: number;
  readonly frameCount: number;
  /** Executions whose last record is in the page. */
  readonly endedExecutionIds: readonly string[];
}

/** A page that was made for one subscriber, for the others at the same place. */
export interface KnownPage {
  readonly framingId: string;
  readonly afterSeq: number;
  readonly headSeq: number;
  readonly maxBytes: number;
  readonly page: Page;
}

/** Text of one merged delta: a frame stays small enough to be written, read and shown in one piece. */
const MAX_MERGED_CHARS = 262_144;

/** Less than any two deltas have together, also empty ones. */
const NOTHING_MERGED = -1;

/** What stands in a delta beside its text, about. */
const DELTA_HEAD_CHARS = 48;
/** Hot records that one page may look at, however well they merge. */
const MAX_RECORDS_PER_PAGE = 4_096;

/** Pages of one log that are remembered at a time. Most subscribers stand at the same place. */
const MAX_KNOWN_PAGES = 8;

const TERMINAL_TYPES: ReadonlySet<LogRecord["type"]> = new Set([
  "execution_completed",
  "execution_failed",
  "execution_cancelled",
  "execution_interrupted",
]);

/** Who the page is for, as far as it matters. */
export interface PageReader {
  readonly sessionId: string;
  readonly transport: { readonly framing: Framing };
}

/** The next page for a cursor, from the hot records; `undefined` when the cursor stands before them. */
export function pageOf(log: ChannelLog, cursor: Cursor, maxBytes: number): Page | undefined {
  // Where it is the only one, nobody else asks for its page.
  if (log.cursors.size === 1) return hotPage(log, cursor, maxBytes)?.page;
  const framingId = cursor.subscriber.transport.framing.id;
  const known = log.pages?.find(
    (one) =>
      one.afterSeq === cursor.seq &&
      one.headSeq === log.head.seq &&
      one.framingId === framingId &&
      one.maxBytes === maxBytes,
  );
  if (known !== undefined) return known.page;
  const made = hotPage(log, cursor, maxBytes);
  if (made?.records.every(({ exclude }) => exclude === undefined)) {
    log.pages ??= [];
    if (log.pages.length >= MAX_KNOWN_PAGES) log.pages.shift();
    log.pages.push({ framingId, afterSeq: cursor.seq, headSeq: log.head.seq, maxBytes, page: made.page });
  }
  return made?.page;
}

function hotPage(log: ChannelLog, cursor: Cursor, maxBytes: number) {
  const records = log.ring.after(cursor.seq, MAX_RECORDS_PER_PAGE);
  if (records === undefined || records.length === 0) return undefined;
  return { records, page: buildPage(log, records, cursor.subscriber, maxBytes) };
}

/** Frames records until the budget is reached; at least one record. */
export function buildPage(
  log: ChannelLog,
  records: readonly LogRecord[],
  reader: PageReader,
  maxBytes: number,
): Page {
  const builder = new PageBuilder(log, reader, maxBytes);
  for (const record of records) {
    if (builder.isFull) break;
    builder.add(record);
  }
  return builder.finish();
}

class PageBuilder {
  readonly #channelJson: string;
  readonly #epoch: string;
  readonly #reader: PageReader;
  readonly #maxBytes: number;
  readonly #merger: RecordMerger<LogRecord>;
  readonly #frames: Uint8Array[] = [];
  readonly #endedExecutionIds: string[] = [];
  #byteCount = 0;
  #recordCount = 0;
  #pendingChars = 0;
  #skipped: { last: LogRecord; count: number } | undefined;
  #last: LogRecord | undefined;

  constructor(log: ChannelLog, reader: PageReader, maxBytes: number) {
    this.#channelJson = log.channelJson;
    this.#epoch = log.epoch;
    this.#reader = reader;
    this.#maxBytes = maxBytes;
    const { deltas } = reader.transport.framing;
    const maxMergedChars = deltas === "single" ? NOTHING_MERGED : MAX_MERGED_CHARS;
    this.#merger = new RecordMerger({ maxMergedChars });
  }

  get isFull(): boolean {
    return this.#recordCount > 0 && this.#byteCount + this.#pendingChars >= this.#maxBytes;
  }

  add(record: LogRecord): void {
    this.#recordCount += 1;
    this.#last = record;
    if (record.exclude?.includes(this.#reader.sessionId)) {
      this.#flushChunks();
      this.#skipped = { last: record, count: (this.#skipped?.count ?? 0) + 1 };
      return;
    }
    this.#flushSkipped();
    if (record.type === "chunk") {
      this.#emitChunk(this.#merger.add(record));
      // What is joined adds its text alone; the rest of it stands in the frame once.
      this.#pendingChars +=
        this.#pendingChars === 0 ? record.body.length : Math.max(0, record.body.length - DELTA_HEAD_CHARS);
      return;
    }
    this.#flushChunks();
    this.#emit(this.#textOf(record));
    if (isTerminal(record)) this.#endedExecutionIds.push(record.executionId!);
  }

  finish(): Page {
    this.#flushChunks();
    this.#flushSkipped();
    const last = this.#last!;
    return {
      bytes: this.#frames.length === 1 ? this.#frames[0]! : concat(this.#frames, this.#byteCount),
      place: { epoch: this.#epoch, seq: last.seq, tag: last.tag },
      recordCount: this.#recordCount,
      frameCount: this.#frames.length,
      endedExecutionIds: this.#endedExecutionIds,
    };
  }

  #textOf(record: LogRecord): string {
    const position = this.#positionOf(record);
    const senderJson = record.sender === undefined ? undefined : JSON.stringify(record.sender);
    if (record.type === "message" || record.type === "chunk") {
      return encodeMessageFrame({
        channelJson: this.#channelJson,
        position,
        bodyJson: record.body,
        senderJson,
      });
    }
    return encodeExecutionFrame({
      type: record.type,
      channelJson: this.#channelJson,
      position,
      executionIdJson: JSON.stringify(record.executionId),
      bodyJson: record.body,
      senderJson,
    });
  }

  #flushChunks(): void {
    this.#emitChunk(this.#merger.flush());
  }

  #emitChunk(merged: MergedRecords<LogRecord> | undefined): void {
    if (merged === undefined) return;
    this.#pendingChars = 0;
    this.#emit(
      encodeChunkFrame({
        channelJson: this.#channelJson,
        position: this.#positionOf(merged.last),
        coveredRecordCount: merged.coveredRecordCount,
        executionIdJson: JSON.stringify(merged.last.executionId),
        chunkJson: merged.body,
      }),
    );
  }

  #flushSkipped(): void {
    const skipped = this.#skipped;
    if (skipped === undefined) return;
    this.#skipped = undefined;
    this.#emit(
      encodeSkipFrame({
        channelJson: this.#channelJson,
        position: this.#positionOf(skipped.last),
        coveredRecordCount: skipped.count,
      }),
    );
  }

  #emit(text: string): void {
    const frame = this.#reader.transport.framing.frame(text);
    this.#frames.push(frame);
    this.#byteCount += frame.byteLength;
  }

  #positionOf(record: LogRecord): string {
    return formatPosition({ epoch: this.#epoch, seq: record.seq, tag: record.tag });
  }
}

export function isTerminal(record: { readonly type: LogRecord["type"] }): boolean {
  return TERMINAL_TYPES.has(record.type);
}

export function concat(parts: readonly Uint8Array[], byteCount: number): Uint8Array {
  const whole = new Uint8Array(byteCount);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}
