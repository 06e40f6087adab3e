/** Where a fork leaves its source: what it refers to, and what it has to copy because the place lies within a record. */
import { type Offset, parseOffset } from "./offset.ts";
import { bytePieces, type Piece } from "./record-codec.ts";
import type { StreamContent } from "./stream-content.ts";
import { badRequest, conflict, type StreamFault } from "./stream-fault.ts";
import { type ForkRequest, isJson } from "./stream-headers.ts";
import type { StreamName } from "./stream-logs.ts";
import type { Inherited, StreamState } from "./stream-state.ts";

export interface ForkPoint {
  /** End of what is referred to. */
  readonly point: Offset;
  readonly copied: readonly Piece[];
}

/** Forks of forks, one within the other: a read may have to look into so many logs. */
const MAX_INHERITED = 32;

/** @throws StreamFault 400, 410 */
export async function forkPoint(
  content: StreamContent,
  name: StreamName,
  source: StreamState,
  { offset, subOffset }: ForkRequest,
): Promise<ForkPoint> {
  const anchor =
    offset === undefined ? source.tail : await content.resolve(name, source, parseOffset(offset));
  if (subOffset === 0) return { point: anchor, copied: [] };
  return isJson(source.config.contentType)
    ? afterMessages(content, name, source, { anchor, count: subOffset })
    : afterBytes(content, name, source, { anchor, count: subOffset });
}

interface SubOffset {
  readonly anchor: Offset;
  readonly count: number;
}

async function afterMessages(
  content: StreamContent,
  name: StreamName,
  source: StreamState,
  { anchor, count }: SubOffset,
): Promise<ForkPoint> {
  let messageCount = 0;
  for await (const { end } of appendAfter(content, name, source, anchor)) {
    messageCount += 1;
    if (messageCount === count) return { point: end, copied: [] };
  }
  throw overshoot(count, `${messageCount} messages`);
}

async function afterBytes(
  content: StreamContent,
  name: StreamName,
  source: StreamState,
  { anchor, count }: SubOffset,
): Promise<ForkPoint> {
  let point = anchor;
  for await (const { bytes, end } of appendAfter(content, name, source, anchor)) {
    const wanted = count - (point.bytes - anchor.bytes);
    if (wanted === bytes.length) return { point: end, copied: [] };
    if (wanted < bytes.length) return { point, copied: bytePieces(bytes.subarray(0, wanted)) };
    point = end;
  }
  throw overshoot(count, `${point.bytes - anchor.bytes} bytes`);
}

/** The records of the append that comes after a place: they share its tag. */
async function* appendAfter(content: StreamContent, name: StreamName, source: StreamState, anchor: Offset) {
  let tag: string | undefined;
  for await (const record of content.after(name, source, anchor)) {
    tag ??= record.end.tag;
    if (record.end.tag !== tag) return;
    yield record;
  }
}

function overshoot(count: number, found: string): StreamFault {
  return badRequest(`Stream-Fork-Sub-Offset is ${count}; what was appended at that offset has ${found}`);
}

/** What a fork begins with. @throws StreamFault 409 */
export function inheritedBy(path: string, source: StreamState, point: Offset): Inherited[] {
  const inherited: Inherited[] = [];
  for (const stretch of source.inherited) {
    if (point.seq <= stretch.until.seq) {
      if (point.seq > source.start.seq) inherited.push({ ...stretch, until: point });
      return inherited;
    }
    inherited.push(stretch);
  }
  if (point.seq > source.seqBase + source.createdSeq)
    inherited.push({ path, seqBase: source.seqBase, until: point });
  if (inherited.length <= MAX_INHERITED) return inherited;
  throw conflict(`A stream may be a fork of a fork ${MAX_INHERITED} times at most`);
}

/** Whether a fork that exists is the one that is asked for. */
export function isSameFork(
  origin: StreamState["config"]["forkedFrom"],
  from: string,
  asked: ForkRequest,
): boolean {
  if (origin === undefined || origin.path !== from || origin.subOffset !== asked.subOffset) return false;
  if (asked.offset === undefined) return true;
  if (asked.offset === origin.askedOffset) return true;
  return asked.offset === origin.offset;
}
