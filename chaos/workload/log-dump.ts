/** The final content of a channel, read over HTTP as any program could, with the place of every single record. */
import {
  type Chunk,
  decodeServerMessage,
  formatPosition,
  type Position,
  parsePosition,
} from "@tachikoma/protocol";
import { isRecordFrame, type RecordFrame } from "../../packages/client/src/channel/record-frame.ts";
import type { LogEntry } from "../../sim/history/history-record.ts";
import {
  chunkValue,
  endValue,
  messageValue,
  outcomeOf,
  restartValue,
  startValue,
} from "../../sim/record-value.ts";
import { tokenFor } from "../node/permissions.ts";

export interface DumpedLog {
  readonly channel: string;
  readonly epoch: string;
  readonly baseSeq: number;
  readonly headSeq: number;
  readonly entries: readonly LogEntry[];
  /** The chunks of each execution, in order. */
  readonly chunks: ReadonlyMap<string, readonly Chunk[]>;
}

export class LogMoved extends Error {}

interface Page {
  readonly records: readonly object[];
  readonly position: string;
  readonly has_more: boolean;
  readonly reset?: string;
}

const PAGE_LIMIT = 1_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** @throws LogMoved when records were trimmed while it was read: it is still being written to */
export async function dumpLog(baseUrl: string, channel: string): Promise<DumpedLog> {
  const frames: RecordFrame[] = [];
  let after: string | undefined;
  for (;;) {
    const page = await readPage(baseUrl, channel, after, PAGE_LIMIT);
    for (const record of page.records) {
      for (const frame of await singleRecords(baseUrl, channel, after, frameOf(record))) {
        frames.push(frame);
        after = frame.position;
      }
    }
    after = page.position;
    if (!page.has_more) return dumpOf(channel, frames, parsePosition(page.position)!);
  }
}

/** A merged frame does not tell the tags of what it covers; read one by one, each record stands alone. */
async function singleRecords(
  baseUrl: string,
  channel: string,
  after: string | undefined,
  frame: RecordFrame,
): Promise<RecordFrame[]> {
  const count = "n" in frame ? (frame.n ?? 1) : 1;
  if (count === 1) return [frame];
  const frames: RecordFrame[] = [];
  let place = after;
  while (frames.length < count) {
    const { records, position } = await readPage(baseUrl, channel, place, 1);
    if (records.length !== 1)
      throw new Error(`${channel}: a page of one after ${place} has ${records.length} records`);
    const single = frameOf(records[0]!);
    // Without a place to read after, nothing else tells that the oldest records went meanwhile.
    const isFirst = frames.length === 0;
    if (isFirst && seqOf(single) !== seqOf(frame) - count + 1)
      throw new LogMoved(`${channel} was trimmed while it was read`);
    frames.push(single);
    place = position;
  }
  return frames;
}

function seqOf({ position }: RecordFrame): number {
  return parsePosition(position)!.seq;
}

async function readPage(
  baseUrl: string,
  channel: string,
  after: string | undefined,
  limit: number,
): Promise<Page> {
  const query = new URLSearchParams({ limit: String(limit), ...(after === undefined ? {} : { after }) });
  const response = await fetch(`${baseUrl}/api/channels/${encodeURIComponent(channel)}/messages?${query}`, {
    headers: { authorization: `Bearer ${tokenFor("auditor", Date.now() + REQUEST_TIMEOUT_MS)}` },
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  if (!response.ok) throw new Error(`${channel} cannot be read: ${response.status} ${await response.text()}`);
  const page = (await response.json()) as Page;
  if (page.reset !== undefined) throw new LogMoved(`${channel} was reset (${page.reset}) while it was read`);
  return page;
}

function frameOf(record: object): RecordFrame {
  const message = decodeServerMessage(JSON.stringify(record));
  if (message === undefined || !isRecordFrame(message))
    throw new Error(`Not a record: ${JSON.stringify(record)}`);
  return message as RecordFrame;
}

function dumpOf(channel: string, frames: readonly RecordFrame[], head: Position): DumpedLog {
  const entries: LogEntry[] = [];
  const chunks = new Map<string, Chunk[]>();
  for (const frame of frames) {
    entries.push(entryOf(frame));
    // What was said before is void.
    if (frame.type === "execution_restarted") chunks.set(frame.executionId, []);
    if (frame.type === "execution_restarted") chunks.delete(frame.executionId);
    if (frame.type !== "chunk") continue;
    const list = chunks.get(frame.executionId) ?? [];
    list.push(frame.chunk as Chunk);
    chunks.set(frame.executionId, list);
  }
  const baseSeq = entries[0] === undefined ? head.seq : entries[0].seq - 1;
  return { channel, epoch: head.epoch, baseSeq, headSeq: head.seq, entries, chunks };
}

function entryOf(frame: RecordFrame): LogEntry {
  const { seq, tag } = parsePosition(frame.position)!;
  switch (frame.type) {
    case "message": {
      const val = messageValue(frame.data);
      return { seq, tag, val, idem: val };
    }
    case "chunk":
      return {
        seq,
        tag,
        val: chunkValue(frame.executionId, frame.chunk as Chunk),
        gen: frame.executionId,
        role: "chunk",
      };
    case "execution_started":
      return { seq, tag, val: startValue(frame.executionId), gen: frame.executionId, role: "start" };
    case "execution_restarted":
      return {
        seq,
        tag,
        val: restartValue(frame.executionId, frame.attempt),
        gen: frame.executionId,
        role: "chunk",
      };
    case "skip":
      throw new Error(
        `${formatPosition({ epoch: "", seq, tag })} was skipped for a reader without a session`,
      );
    default:
      return {
        seq,
        tag,
        val: endValue(frame.executionId, outcomeOf(frame.type) ?? frame.type),
        gen: frame.executionId,
        role: "terminal",
      };
  }
}
