/** Reads the content of a stream: first what it has inherited from others, in their logs, then its own. */
import { TachikomaError } from "@tachikoma/protocol";
import type { LogHub } from "../../core/log/log-hub.ts";
import type { LogRecord } from "../../stores/store.ts";
import type { Offset, OffsetRequest } from "./offset.ts";
import { contentOf, type Mark, markOf } from "./record-codec.ts";
import { badRequest, gone } from "./stream-fault.ts";
import { keyOf, type StreamName } from "./stream-logs.ts";
import type { StreamState } from "./stream-state.ts";

/** One record's worth of content. */
export interface Content {
  readonly bytes: Buffer;
  /** Where the stream is after it. */
  readonly end: Offset;
}

export interface Page {
  readonly contents: readonly Buffer[];
  readonly end: Offset;
}

/** Records `after` to `until` of one log, as offsets of the stream number them. */
interface Stretch {
  readonly path: string;
  readonly seqBase: number;
  readonly after: number;
  readonly until: number;
}

const MAX_PAGE_BYTES = 1024 * 1024;
const MAX_PAGE_RECORDS = 4_096;

export class StreamContent {
  readonly #hub: LogHub;

  constructor(hub: LogHub) {
    this.#hub = hub;
  }

  /** What comes after a place, up to the end that `state` knows: as much as one answer holds, one record at least. */
  async page({ tenant, path }: StreamName, state: StreamState, from: Offset): Promise<Page> {
    const contents: Buffer[] = [];
    let byteCount = 0;
    let end = from;
    for await (const content of this.after({ tenant, path }, state, from)) {
      contents.push(content.bytes);
      byteCount += content.bytes.length;
      end = content.end;
      if (byteCount >= MAX_PAGE_BYTES || contents.length >= MAX_PAGE_RECORDS) break;
    }
    return { contents, end };
  }

  /** @throws STORE_UNAVAILABLE where a record of the stream is missing: nothing is left out in silence */
  async *after({ tenant, path }: StreamName, state: StreamState, from: Offset): AsyncGenerator<Content> {
    for (const stretch of stretchesOf(path, state, from)) yield* this.#read(tenant, stretch);
  }

  /**
   * The place that a client means.
   *
   * @throws StreamFault 400 for a place that the stream does not have, 410 for one that it does not have any more
   */
  async resolve(name: StreamName, state: StreamState, request: OffsetRequest): Promise<Offset> {
    const { start, tail } = state;
    if (request.kind === "start") return start;
    if (request.kind === "now") return tail;
    const { seq, bytes, tag } = request;
    if (seq < start.seq) throw gone("The offset is of a stream that was here before this one");
    if (seq > tail.seq) throw badRequest("The offset lies beyond the end of the stream");
    const place = seq === start.seq ? start : seq === tail.seq ? tail : await this.#placeAt(name, state, seq);
    if (place?.bytes !== bytes) throw badRequest("The offset is none that this stream has given");
    if (tag !== undefined && tag !== place.tag)
      throw gone("The stream has lost what the offset was given for");
    return place;
  }

  async *#read(tenant: string, { path, seqBase, after, until }: Stretch): AsyncGenerator<Content> {
    const key = keyOf({ tenant, path });
    for (let seq = after - seqBase; seq < until - seqBase; ) {
      const maxRecords = Math.min(until - seqBase - seq, MAX_PAGE_RECORDS);
      const read = await this.#hub.read(key, seq, maxRecords, MAX_PAGE_BYTES);
      if (read?.records[0]?.seq !== seq + 1) {
        throw new TachikomaError("STORE_UNAVAILABLE", `Record ${seq + 1} of the stream ${path} is missing`);
      }
      for (const record of read.records) {
        const mark = markOf(record);
        const bytes = contentOf(record, mark);
        if (bytes !== undefined) yield { bytes, end: endOf(record, mark, seqBase) };
        seq = record.seq;
      }
    }
  }

  async #placeAt(name: StreamName, state: StreamState, seq: number): Promise<Offset | undefined> {
    const stretch = stretchesOf(name.path, state, { seq: seq - 1 })[0];
    if (stretch === undefined) return undefined;
    const { path, seqBase } = stretch;
    const read = await this.#hub.read(keyOf({ tenant: name.tenant, path }), seq - seqBase - 1, 1, 1);
    const record = read?.records[0];
    if (record?.seq !== seq - seqBase) return undefined;
    const mark = markOf(record);
    return mark.k === "-" ? undefined : endOf(record, mark, seqBase);
  }
}

/** Where the records are that come after a place. */
function stretchesOf(path: string, state: StreamState, { seq }: Pick<Offset, "seq">): Stretch[] {
  const { inherited, seqBase, createdSeq, tail } = state;
  const stretches: Stretch[] = [];
  let after = seq;
  for (const { path: source, seqBase: base, until } of inherited) {
    if (until.seq <= after) continue;
    stretches.push({ path: source, seqBase: base, after, until: until.seq });
    after = until.seq;
  }
  const ownAfter = Math.max(after, seqBase + createdSeq);
  if (ownAfter < tail.seq) stretches.push({ path, seqBase, after: ownAfter, until: tail.seq });
  return stretches;
}

function endOf(record: LogRecord, mark: Mark, seqBase: number): Offset {
  return { seq: seqBase + record.seq, bytes: mark.n, tag: record.tag };
}
