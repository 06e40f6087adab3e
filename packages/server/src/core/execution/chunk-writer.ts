/**
 * Appends the chunks of one execution. While one append is under way the chunks that come meanwhile collect, and go together in
 * the next: the slower the store, the larger the batches.
 */
import { type Chunk, encodeChunk } from "@tachikoma/protocol";
import type { Fence, LogKey, NewRecord } from "../../stores/store.ts";
import type { LogHub } from "../log/log-hub.ts";

/** A handler that is ahead of the store by this much has to wait. */
const MAX_PENDING_RECORDS = 1_024;
const MAX_PENDING_CHARS = 1024 * 1024;

export interface ChunkWriterOptions {
  readonly hub: LogHub;
  readonly key: LogKey;
  readonly executionId: string;
  readonly fence: Fence;
  /** The chunks cannot be stored; nothing more will be. */
  readonly onFailed: (cause: unknown) => void;
}

export class ChunkWriter {
  readonly #options: ChunkWriterOptions;
  #pending: NewRecord[] = [];
  #pendingChars = 0;
  #underWay: Promise<void> | undefined;
  #hasFailed = false;

  constructor(options: ChunkWriterOptions) {
    this.#options = options;
  }

  /** Takes chunks in order. Wait for the promise, where there is one, before the next. @throws RECORD_TOO_LARGE */
  write(chunks: readonly Chunk[]): Promise<void> | undefined {
    // With nothing to append there is nothing under way, and nothing that would say so when it is over.
    if (this.#hasFailed || chunks.length === 0) return undefined;
    for (const chunk of chunks) {
      const body = encodeChunk(chunk);
      this.#options.hub.checkSize(this.#options.key.channel, body);
      this.#pending.push({ type: "chunk", body, executionId: this.#options.executionId });
      this.#pendingChars += body.length;
    }
    this.#underWay ??= this.#appendAll();
    const isAhead = this.#pending.length >= MAX_PENDING_RECORDS || this.#pendingChars >= MAX_PENDING_CHARS;
    return isAhead ? this.#underWay : undefined;
  }

  /** Resolves when everything that was written is stored, or cannot be. */
  async flush(): Promise<void> {
    await this.#underWay;
  }

  async #appendAll(): Promise<void> {
    const { hub, key, fence } = this.#options;
    while (this.#pending.length > 0 && !this.#hasFailed) {
      const records = this.#pending;
      this.#pending = [];
      this.#pendingChars = 0;
      try {
        await hub.append(key, records, { fence });
      } catch (cause) {
        this.#hasFailed = true;
        this.#pending = [];
        this.#options.onFailed(cause);
      }
    }
    this.#underWay = undefined;
  }
}
