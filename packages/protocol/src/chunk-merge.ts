import type { Chunk } from "./chunk.ts";
import { DeltaRun, type FinishedRun } from "./delta-run.ts";

/** Base fields of a delta: `type`, the id of its part, and the text. One more, and it is not merged. */
const DELTA_FIELD_COUNT = 3;

type DeltaType = "text-delta" | "reasoning-delta" | "tool-input-delta";

export interface MergeLimits {
  /**
   * Longest text of a merged delta, in UTF-16 units (`RecordMerger`: of its JSON form). A single delta that is longer passes
   * as it is.
   */
  readonly maxMergedChars: number;
}

/** A chunk that stands for so many adjacent ones. */
export interface MergedChunk {
  readonly chunk: Chunk;
  readonly coveredRecordCount: number;
}

/** Joins two adjacent deltas of one part; `undefined` when they cannot be joined. */
export function mergeChunks(earlier: Chunk, later: Chunk): Chunk | undefined {
  const first = plainDeltaOf(earlier);
  const second = plainDeltaOf(later);
  if (first === undefined || second === undefined) return undefined;
  if (first.type !== second.type || first.partId !== second.partId) return undefined;
  return chunkOfDelta({ ...first, text: first.text + second.text });
}

/** Joins whatever adjacent chunks can be joined. */
export function mergeRun(chunks: Iterable<Chunk>): Chunk[] {
  const merger = new ChunkMerger({ maxMergedChars: Number.POSITIVE_INFINITY });
  const merged: Chunk[] = [];
  for (const chunk of chunks) {
    const done = merger.add(chunk);
    if (done !== undefined) merged.push(done.chunk);
  }
  const last = merger.flush();
  if (last !== undefined) merged.push(last.chunk);
  return merged;
}

/**
 * Merges chunks one after the other.
 *
 * @example
 * const merger = new ChunkMerger({ maxMergedChars: 16_384 });
 * for (const chunk of chunks) emit(merger.add(chunk)); // undefined while the run goes on
 * emit(merger.flush());
 */
export class ChunkMerger {
  readonly #run: DeltaRun<Chunk>;

  constructor(limits: MergeLimits) {
    this.#run = new DeltaRun(limits.maxMergedChars);
  }

  /** Takes the next chunk; returns what came before it when the two do not join. */
  add(chunk: Chunk): MergedChunk | undefined {
    const delta = plainDeltaOf(chunk);
    // No type contains a colon, so a head belongs to one part only.
    const item = delta && { head: `${delta.type}:${delta.partId}`, text: delta.text };
    return mergedChunkOf(this.#run.add({ source: chunk, delta: item }));
  }

  /** Ends the run that is under way and returns it; `undefined` when there is none. */
  flush(): MergedChunk | undefined {
    return mergedChunkOf(this.#run.flush());
  }
}

function mergedChunkOf(run: FinishedRun<Chunk> | undefined): MergedChunk | undefined {
  if (run === undefined) return undefined;
  const { last, joined, count } = run;
  const chunk = joined === undefined ? last : chunkOfDelta({ ...plainDeltaOf(last)!, text: joined.text });
  return { chunk, coveredRecordCount: count };
}

/** A delta without fields beyond the base ones. */
interface PlainDelta {
  readonly type: DeltaType;
  readonly partId: string;
  readonly text: string;
}

/** Reads a chunk as a delta that may be merged; `undefined` for all others. */
export function plainDeltaOf(chunk: Chunk): PlainDelta | undefined {
  const { type } = chunk;
  if (type !== "text-delta" && type !== "reasoning-delta" && type !== "tool-input-delta") return undefined;
  let fieldCount = 0;
  for (const _ in chunk) fieldCount += 1;
  if (fieldCount !== DELTA_FIELD_COUNT) return undefined;
  return type === "tool-input-delta"
    ? { type, partId: chunk.toolCallId, text: chunk.inputTextDelta }
    : { type, partId: chunk.id, text: chunk.delta };
}

/** The chunk of a plain delta, with the text as its last field. */
export function chunkOfDelta(delta: PlainDelta): Chunk {
  return delta.type === "tool-input-delta"
    ? { type: delta.type, toolCallId: delta.partId, inputTextDelta: delta.text }
    : { type: delta.type, id: delta.partId, delta: delta.text };
}
