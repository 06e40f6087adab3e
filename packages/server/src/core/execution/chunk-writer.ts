/**
 * Appends the chunks of one execution. While one append is under way, and until the store wants the next, the chunks that come
 * meanwhile collect and go together: the slower the store, the larger the batches. The first after a pause goes at once.
 *
 * Each append has a number under the fence. So one whose answer was lost can be asked again, and a store that is away for a
 * moment costs a moment.
 *
 * A log that has another epoch than before may have lost its tail. Where the last record that was written is no longer there, what
 * would follow is the rest of an answer with a hole in it.
 */
import { type Chunk, errorCodeOf } from "@tachikoma/protocol";
import type { AppendResult, Fence, LogKey, NewRecord } from "../../stores/store.ts";
import type { LogHub } from "../log/log-hub.ts";
import type { Clock } from "../ports.ts";
import type { AppendPace } from "./append-pace.ts";
import { PendingChunks } from "./pending-chunks.ts";

/** A handler that is ahead of the store by this much has to wait. */
const MAX_PENDING_CHUNKS = 1_024;
const MAX_PENDING_CHARS = 1024 * 1024;

/** Pauses between tries of one append: less in all than it takes an owner without a store to fence itself. */
const RETRY_MS = [50, 100, 200, 400, 800, 1_600, 2_500, 2_500] as const;

export interface ChunkWriterOptions {
  readonly hub: LogHub;
  readonly clock: Clock;
  readonly key: LogKey;
  readonly executionId: string;
  readonly fence: Fence;
  /** Where the execution's first record went. */
  readonly begin: AppendPlace;
  readonly pace: Pick<AppendPace, "grid" | "intervalMs" | "noteChunks">;
  /** The chunks cannot be stored; nothing more will be. */
  readonly onFailed: (cause: unknown) => void;
  /** The store has lost some of what was written; nothing more will be. */
  readonly onTailLost: () => void;
}

/** Where an append went. */
export type AppendPlace = Pick<AppendResult, "epoch" | "lastSeq" | "tag">;

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  readonly #pending: PendingChunks;
  #underWay: Promise<void> | undefined;
  #hasFailed = false;
  #isFlushing = false;
  #writeCount = 0;
  #last: AppendPlace;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  /** Between two chunks, when they were appended last. */
  #gapMs = 0;
  #endPause: (() => void) | undefined;

  constructor(options: ChunkWriterOptions) {
    const { hub, key } = options;
    this.#options = options;
    this.#pending = new PendingChunks({
      executionId: options.executionId,
      maxRecordBytes: hub.maxRecordBytesOf(key.channel),
      checkSize: (body) => hub.checkSize(key.channel, body),
    });
    this.#last = options.begin;
  }

  /** Takes chunks in order. Wait for the promise, where there is one, before the next. @throws RECORD_TOO_LARGE */
  write(chunks: readonly Chunk[]): Promise<void> | undefined {
    // With nothing to append there is nothing under way, and nothing that would say so when it is over.
    if (this.#hasFailed || chunks.length === 0) return undefined;
    const pending = this.#pending;
    for (const chunk of chunks) pending.add(chunk);
    this.#options.pace.noteChunks(chunks.length);
    this.#underWay ??= this.#appendAll();
    const isAhead = pending.chunkCount >= MAX_PENDING_CHUNKS || pending.charCount >= MAX_PENDING_CHARS;
    return isAhead ? this.#underWay : undefined;
  }

  /** Resolves when everything that was written is stored, or cannot be. */
  async flush(): Promise<void> {
    this.#isFlushing = true;
    this.#endPause?.();
    await this.#underWay;
  }

  /** Looks whether all that was written is still there. @throws STORE_UNAVAILABLE */
  async verify(): Promise<void> {
    const { hub, key } = this.#options;
    const { head } = await hub.state(key);
    if (head.epoch !== this.#last.epoch) await this.#noteEpoch();
  }

  /** Nothing more may be written; what waits is forgotten. */
  abandon(): void {
    this.#hasFailed = true;
    this.#pending.clear();
    this.#endPause?.();
  }

  async #appendAll(): Promise<void> {
    while (this.#pending.chunkCount > 0 && !this.#hasFailed) {
      const dueAtMs = this.#dueAtMs();
      if (dueAtMs !== undefined) await this.#untilDue(dueAtMs);
      const { chunkCount } = this.#pending;
      const records = this.#pending.take();
      if (records.length > 0) await this.#append(records, chunkCount);
    }
    this.#underWay = undefined;
  }

  async #append(records: readonly NewRecord[], chunkCount: number): Promise<void> {
    const { hub, key, fence, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#gapMs = (nowMs - this.#startedAtMs) / chunkCount;
    this.#startedAtMs = nowMs;
    this.#writeCount += 1;
    const numbered = { ...fence, write: this.#writeCount };
    for (const retryMs of [...RETRY_MS, undefined]) {
      try {
        const place = await hub.append(key, records, { fence: numbered });
        if (place.epoch !== this.#last.epoch) await this.#noteEpoch();
        this.#last = place;
        return;
      } catch (cause) {
        if (this.#hasFailed) return;
        const isLast = retryMs === undefined || errorCodeOf(cause) !== "STORE_UNAVAILABLE";
        if (isLast) return this.#fail(cause);
        await this.#wait(retryMs);
        if (this.#hasFailed) return;
      }
    }
  }

  /** The log has another epoch than before: is what was written there? */
  async #noteEpoch(): Promise<void> {
    const { hub, key } = this.#options;
    const last = this.#last;
    if (this.#hasFailed) return;
    const { base } = await hub.state(key);
    // What was trimmed was there; all its readers are told that they missed it.
    const isThere = last.lastSeq < base.seq || (await hub.tagAt(key, last.lastSeq)) === last.tag;
    if (isThere) return;
    this.abandon();
    this.#options.onTailLost();
  }

  #fail(cause: unknown): void {
    this.abandon();
    this.#options.onFailed(cause);
  }

  /**
   * All executions of a node wait for the same moments, multiples of the interval: what they append then goes to the store, and on
   * to the viewers, together.
   *
   * @returns `undefined` when it may be now
   */
  #dueAtMs(): number | undefined {
    if (this.#isFlushing) return undefined;
    const intervalMs = this.#options.pace.intervalMs(this.#gapMs);
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#startedAtMs >= intervalMs) return undefined;
    const dueAtMs = Math.ceil((this.#startedAtMs + intervalMs / 2) / intervalMs) * intervalMs;
    return dueAtMs > nowMs ? dueAtMs : undefined;
  }

  #untilDue(dueAtMs: number): Promise<void> {
    const { grid } = this.#options.pace;
    return new Promise((resolve) => {
      const end = () => {
        this.#endPause = undefined;
        resolve();
      };
      grid.add(dueAtMs, end);
      this.#endPause = () => {
        grid.remove(dueAtMs, end);
        end();
      };
    });
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel();
        this.#endPause = undefined;
        resolve();
      };
      const timer = this.#options.clock.setTimer(ms, end);
      this.#endPause = end;
    });
  }
}
