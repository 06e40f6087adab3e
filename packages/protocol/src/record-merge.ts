/**
 * Merging on the server's hot path. The chunks of a log are JSON texts, and two deltas of one part differ only in the text at
 * the end: `{"type":"text-delta","id":"0","delta":"...."}`. So their texts are spliced as they are, without parsing a record
 * or serialising the result. An escape is never split by this, and two halves of a surrogate pair, each escaped in its own
 * record, read as one character again when they stand side by side.
 */
import { isChunk } from "./chunk-guard.ts";
import { chunkOfDelta, type MergeLimits, plainDeltaOf } from "./chunk-merge.ts";
import { DeltaRun, type FinishedRun } from "./delta-run.ts";

/** What the merger reads of a log record of type `chunk`. */
export interface ChunkRecord {
  /** JSON text of the chunk. */
  readonly body: string;
  readonly executionId?: string;
}

/** Adjacent records that travel as one frame. */
export interface MergedRecords<Source extends ChunkRecord> {
  /** The last record covered: its position is the frame's. */
  readonly last: Source;
  /** JSON text of the merged chunk. */
  readonly body: string;
  readonly coveredRecordCount: number;
}

/** Up to the text of a delta in its usual spelling. Longer ids take the slow way. */
const HEAD =
  /^\{"type":"(?:(?:text|reasoning)-delta","id":"[^"\\]{0,200}","delta"|tool-input-delta","toolCallId":"[^"\\]{0,200}","inputTextDelta"):"/;
const TAIL = '"}';
const BACKSLASH = 0x5c;

/**
 * Merges the chunk records of one log, in order. Records of other types are the caller's: `flush` before each.
 *
 * @example
 * const merger = new RecordMerger<LogRecord>({ maxMergedChars: 16_384 });
 * for (const record of records) emit(merger.add(record)); // undefined while the run goes on
 * emit(merger.flush());
 */
export class RecordMerger<Source extends ChunkRecord> {
  readonly #run: DeltaRun<Source>;
  #executionId: string | undefined;
  #head: string | undefined;

  constructor(limits: MergeLimits) {
    this.#run = new DeltaRun(limits.maxMergedChars);
  }

  /** Takes the next record; returns what came before it when the two do not join. */
  add(record: Source): MergedRecords<Source> | undefined {
    const item = { source: record, delta: deltaOf(record.body, this.#head) };
    this.#head = item.delta?.head;
    if (record.executionId === this.#executionId) return mergedRecordsOf(this.#run.add(item));
    const finished = this.#run.flush();
    this.#executionId = record.executionId;
    this.#run.add(item);
    return mergedRecordsOf(finished);
  }

  /** Ends the run that is under way and returns it; `undefined` when there is none. */
  flush(): MergedRecords<Source> | undefined {
    return mergedRecordsOf(this.#run.flush());
  }
}

function mergedRecordsOf<Source extends ChunkRecord>(
  run: FinishedRun<Source> | undefined,
): MergedRecords<Source> | undefined {
  if (run === undefined) return undefined;
  const { last, joined, count } = run;
  const body = joined === undefined ? last.body : joined.head + joined.text + TAIL;
  return { last, body, coveredRecordCount: count };
}

/** `expectedHead` is that of the record before: comparing is cheaper than matching. */
function deltaOf(
  body: string,
  expectedHead: string | undefined,
): { readonly head: string; readonly text: string } | undefined {
  const head =
    expectedHead !== undefined && body.startsWith(expectedHead) ? expectedHead : HEAD.exec(body)?.[0];
  if (head !== undefined && body.endsWith(TAIL)) {
    const text = body.slice(head.length, -TAIL.length);
    return hasBareQuote(text) ? undefined : { head, text };
  }
  return body.includes('-delta"') ? deltaInOtherSpelling(body) : undefined;
}

/** Inside the text every quotation mark has a backslash before it. One without opens the name of a further field. */
function hasBareQuote(text: string): boolean {
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at + 1)) {
    if (text.charCodeAt(at - 1) !== BACKSLASH) return true;
  }
  return false;
}

/** Fields in another order, white space, escapes in the id: parsed once, and spelled the usual way. */
function deltaInOtherSpelling(body: string): { readonly head: string; readonly text: string } | undefined {
  const chunk: unknown = JSON.parse(body);
  const delta = isChunk(chunk) ? plainDeltaOf(chunk) : undefined;
  if (delta === undefined) return undefined;
  const head = JSON.stringify(chunkOfDelta({ ...delta, text: "" })).slice(0, -TAIL.length);
  return { head, text: JSON.stringify(delta.text).slice(1, -1) };
}
