/**
 * Where a reader stands in a channel's log.
 *
 * `epoch` is the identity of this log: it changes when continuity with what was there before cannot be proven.
 * `seq` counts records from 1; 0 is the place before the first record.
 * `tag` is a nonce of the record at `seq`. A log that lost its tail and grew a different one has the same epoch and
 * the same numbers, but not the same tag: so the change is detected and never spliced.
 *
 * On the wire a position is the opaque string `epoch.seq.tag`. Applications store and return it as it is.
 */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
  readonly tag: string;
}

/** The tag of the place before the first record of a log, where there is no record to take a nonce from. */
export const ORIGIN_TAG = "0";

/** Longest wire form of a position, in characters. */
export const MAX_POSITION_CHARS = 64;

const POSITION_PATTERN = /^([A-Za-z0-9_-]{1,16})\.(0|[1-9][0-9]{0,15})\.([A-Za-z0-9_-]{1,16})$/;

/** Wire form of a position, for example `k3x9a2.1042.p7fQ`. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.seq}.${position.tag}`;
}

/** Reads the wire form; `undefined` when the text is not a position. */
export function parsePosition(text: string): Position | undefined {
  if (text.length > MAX_POSITION_CHARS) return undefined;
  const match = POSITION_PATTERN.exec(text);
  if (match === null) return undefined;
  const seq = Number(match[2]);
  if (!Number.isSafeInteger(seq)) return undefined;
  return { epoch: match[1]!, seq, tag: match[3]! };
}

export function isSamePosition(a: Position, b: Position): boolean {
  return a.epoch === b.epoch && a.seq === b.seq && a.tag === b.tag;
}
