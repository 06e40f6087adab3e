/**
 * How one reader of a channel applies each record once, whatever is sent again.
 *
 * A frame covers the records from `firstSeq` to `last`. Against a reader's cursor it is the next thing to apply, a
 * duplicate, or a sign that something is missing. It can also begin before the cursor and end behind it: the server merges
 * adjacent deltas of one part, and where it cuts depends on where it was asked to begin. Such a frame must not be applied
 * twice. Readers that share a subscription meet it when one of them joins late, so cursors carry a ruler: the characters of
 * the current run of deltas up to here. Deltas of two parts are never merged, nor is any other record, so all readers
 * agree on where a run begins, and the difference of two rulers is what has to be cut off.
 */
import type { Position } from "@tachikoma/protocol";

/** Deltas of one part in direct succession. `key` is empty between two runs. */
export interface Run {
  readonly key: string;
  readonly charCount: number;
}

export interface Cursor {
  /** Of the last record applied. */
  readonly position: Position;
  /** `undefined` when reading began inside a run. */
  readonly run: Run | undefined;
}

export interface Span {
  readonly firstSeq: number;
  readonly last: Position;
  /** `delta`: may stand for several merged records. `gap`: records that are not for this session. */
  readonly content:
    | { readonly kind: "record" }
    | { readonly kind: "gap" }
    | { readonly kind: "delta"; readonly run: Run };
}

export type Verdict =
  | { readonly kind: "apply" }
  | { readonly kind: "duplicate" }
  /** The first `skipChars` of the delta are known already. */
  | { readonly kind: "trim"; readonly skipChars: number }
  /** Something is missing or in doubt: read again from the cursor. */
  | { readonly kind: "reread" };

const BETWEEN_RUNS: Run = { key: "", charCount: 0 };

export function cursorAt(position: Position): Cursor {
  return { position, run: position.seq === 0 ? BETWEEN_RUNS : undefined };
}

/** `stream` is the cursor of what the server sent so far, before this frame. */
export function judge(cursor: Cursor, span: Span, stream: Cursor | undefined): Verdict {
  const { position } = cursor;
  const { firstSeq, last } = span;
  if (last.epoch !== position.epoch) return { kind: "reread" };
  if (last.seq < position.seq) return { kind: "duplicate" };
  if (last.seq === position.seq) return { kind: last.tag === position.tag ? "duplicate" : "reread" };
  if (firstSeq === position.seq + 1) return { kind: "apply" };
  if (firstSeq > position.seq) return { kind: "reread" };
  if (span.content.kind === "gap") return { kind: "apply" };
  return judgeOverlap(cursor, span, stream);
}

function judgeOverlap(cursor: Cursor, span: Span, stream: Cursor | undefined): Verdict {
  if (span.content.kind !== "delta" || !isNext(stream, span)) return { kind: "reread" };
  const { key, charCount } = span.content.run;
  if (cursor.run?.key !== key || stream.run === undefined) return { kind: "reread" };
  const charsBeforeFrame = stream.run.key === key ? stream.run.charCount : 0;
  const skipChars = cursor.run.charCount - charsBeforeFrame;
  if (skipChars < 0 || skipChars > charCount) return { kind: "reread" };
  return { kind: "trim", skipChars };
}

/** The cursor behind a frame that was applied, of which the first `skipChars` were known. */
export function advance(cursor: Cursor | undefined, span: Span, skipChars = 0): Cursor {
  return { position: span.last, run: runBehind(cursor, span, skipChars) };
}

function runBehind(cursor: Cursor | undefined, span: Span, skipChars: number): Run | undefined {
  if (span.content.kind === "record") return BETWEEN_RUNS;
  if (span.content.kind === "gap") return undefined;
  const { key, charCount } = span.content.run;
  const isTrimmed = skipChars > 0 || (cursor !== undefined && span.firstSeq <= cursor.position.seq);
  if (cursor?.run === undefined || !(isTrimmed || isNext(cursor, span))) return undefined;
  return { key, charCount: (cursor.run.key === key ? cursor.run.charCount : 0) + charCount - skipChars };
}

function isNext(cursor: Cursor | undefined, span: Span): cursor is Cursor {
  return (
    cursor !== undefined &&
    cursor.position.epoch === span.last.epoch &&
    cursor.position.seq + 1 === span.firstSeq
  );
}
