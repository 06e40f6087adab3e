/**
 * Chunks on their way into the log. Adjacent deltas of one part become one record: the log, the wire and every reader carry what was
 * said, not how it was cut.
 */
import { type Chunk, chunkOfDelta, encodeChunk, plainDeltaOf } from "@tachikoma/protocol";
import type { NewRecord } from "../../stores/store.ts";

/** UTF-16 units of the text of one record that was made of several deltas. */
const MAX_JOINED_CHARS = 16_384;
/** A character is at most six in JSON, and the rest of a delta is shorter than this. */
const MAX_CHARS_PER_CHAR = 6;
const MAX_REST_CHARS = 512;

type Delta = NonNullable<ReturnType<typeof plainDeltaOf>>;

export interface PendingChunksOptions {
  readonly executionId: string;
  readonly maxRecordBytes: number;
  /** @throws RECORD_TOO_LARGE */
  readonly checkSize: (body: string) => void;
}

export class PendingChunks {
  readonly #options: PendingChunksOptions;
  readonly #maxJoinedChars: number;
  #records: NewRecord[] = [];
  /** The newest delta, while more of its part may follow. */
  #open: { readonly delta: Delta; text: string } | undefined;
  #chunkCount = 0;
  #charCount = 0;

  constructor(options: PendingChunksOptions) {
    this.#options = options;
    const fitting = Math.floor((options.maxRecordBytes - MAX_REST_CHARS) / MAX_CHARS_PER_CHAR);
    this.#maxJoinedChars = Math.min(MAX_JOINED_CHARS, fitting);
  }

  /** Since they were taken last, however few records they make. */
  get chunkCount(): number {
    return this.#chunkCount;
  }

  get charCount(): number {
    return this.#charCount;
  }

  /** @throws RECORD_TOO_LARGE, and then it is not taken */
  add(chunk: Chunk): void {
    const delta = plainDeltaOf(chunk);
    if (
      delta === undefined ||
      delta.text.length > this.#maxJoinedChars ||
      delta.partId.length > MAX_REST_CHARS / 8
    ) {
      const body = encodeChunk(chunk);
      this.#options.checkSize(body);
      this.#closeOpen();
      this.#push(body);
      this.#charCount += body.length;
    } else {
      this.#join(delta);
      this.#charCount += delta.text.length + CHARS_OF_A_DELTA;
    }
    this.#chunkCount += 1;
  }

  /** All of them, as records. */
  take(): readonly NewRecord[] {
    this.#closeOpen();
    const records = this.#records;
    this.clear();
    return records;
  }

  clear(): void {
    this.#records = [];
    this.#open = undefined;
    this.#chunkCount = 0;
    this.#charCount = 0;
  }

  #join(delta: Delta): void {
    const open = this.#open;
    const isSamePart = open?.delta.type === delta.type && open.delta.partId === delta.partId;
    if (isSamePart && open.text.length + delta.text.length <= this.#maxJoinedChars) {
      open.text += delta.text;
      return;
    }
    this.#closeOpen();
    this.#open = { delta, text: delta.text };
  }

  #closeOpen(): void {
    if (this.#open === undefined) return;
    const { delta, text } = this.#open;
    this.#open = undefined;
    this.#push(encodeChunk(chunkOfDelta({ ...delta, text })));
  }

  #push(body: string): void {
    this.#records.push({ type: "chunk", body, executionId: this.#options.executionId });
  }
}

/** What stands in a delta beside its text, about. */
const CHARS_OF_A_DELTA = 48;
