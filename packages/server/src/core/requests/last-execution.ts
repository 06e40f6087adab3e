/** Finds the newest execution of a channel by reading its log from the end. */
import type { Chunk, Position } from "@tachikoma/protocol";
import type { LogKey, LogRecord } from "../../stores/store.ts";
import { isTerminal } from "../delivery/page.ts";
import type { LogHub } from "../log/log-hub.ts";

export interface LastExecution {
  readonly executionId: string;
  /** Of its terminal record; `undefined` while it runs. */
  readonly endSeq: number | undefined;
  /** When its terminal record was stored, in milliseconds since 1970; `undefined` while it runs. */
  readonly endedAtMs: number | undefined;
  /** Right before its `execution_started`; `undefined` when that is not retained. */
  readonly before: Position | undefined;
  /** Right before what its last attempt begins with: all of it before that is void. The same as `before` where there was one attempt. */
  readonly beforeAttempt: Position | undefined;
  /** Of the message that it writes, as its first chunk says; `undefined` when it has not written that yet. */
  readonly messageId: string | undefined;
}

/** Records looked at in one reading. Long answers take several. */
export const WINDOW_RECORDS = 2_048;
const WINDOW_BYTES = 4 * 1024 * 1024;

/** Turns of one message that are looked for. */
const MAX_TURNS = 64;

/**
 * Of several that run at once it is the one that was started last; where no start is retained, the one that wrote last.
 *
 * @returns `undefined` when no execution is in what the log retains
 */
export async function lastExecution(hub: LogHub, key: LogKey): Promise<LastExecution | undefined> {
  for await (const execution of executionsBackwards(hub, key)) return execution;
  return undefined;
}

/**
 * The newest execution and those before it that have written the same message, the oldest first: one message may be written in several
 * turns, when a tool call in it has to be approved.
 */
export async function lastMessageExecutions(hub: LogHub, key: LogKey): Promise<readonly LastExecution[]> {
  const executions: LastExecution[] = [];
  for await (const execution of executionsBackwards(hub, key)) {
    const newest = executions[0];
    if (newest !== undefined && execution.messageId !== newest.messageId) break;
    executions.unshift(execution);
    const { messageId, executionId, before } = execution;
    // A message that is named after its execution begins with it.
    const isFirst = messageId === undefined || messageId === executionId || before === undefined;
    if (isFirst || executions.length === MAX_TURNS) break;
  }
  return executions;
}

/** What has been seen of an execution whose start lies further back. */
interface Seen {
  end?: LogRecord;
  /** Of its last attempt, where it is not the first. */
  restartSeq?: number;
  /** Of its last attempt. */
  firstChunk?: string;
}

/** Every execution whose start is retained, the one that was started last first; where there is none, the one that wrote last. */
async function* executionsBackwards(hub: LogHub, key: LogKey): AsyncGenerator<LastExecution, void> {
  const state = await hub.state(key);
  const seen = new Map<string, Seen>();
  let endSeq = state.head.seq;
  let foundCount = 0;
  while (endSeq > state.base.seq) {
    const afterSeq = Math.max(state.base.seq, endSeq - WINDOW_RECORDS);
    for (const record of (await recordsBetween(hub, key, afterSeq, endSeq)).reverse()) {
      const { executionId } = record;
      if (executionId === undefined) continue;
      const about = seen.get(executionId) ?? {};
      seen.set(executionId, about);
      note(about, record);
      if (record.type !== "execution_started") continue;
      foundCount += 1;
      const before = await positionAt(hub, key, record.seq - 1);
      const { restartSeq } = about;
      const beforeAttempt = restartSeq === undefined ? before : await positionAt(hub, key, restartSeq - 1);
      yield { ...foundAs(executionId, about), before, beforeAttempt };
    }
    endSeq = afterSeq;
  }
  const [wroteLast] = seen;
  if (foundCount > 0 || wroteLast === undefined) return;
  yield { ...foundAs(...wroteLast), before: undefined, beforeAttempt: undefined };
}

function note(about: Seen, record: LogRecord): void {
  if (isTerminal(record)) about.end = record;
  else if (record.type === "execution_restarted") about.restartSeq ??= record.seq;
  else if (record.type === "chunk" && about.restartSeq === undefined) about.firstChunk = record.body;
}

function foundAs(executionId: string, { end, firstChunk }: Seen) {
  return { executionId, endSeq: end?.seq, endedAtMs: end?.timeMs, messageId: messageIdIn(firstChunk) };
}

function messageIdIn(firstChunk: string | undefined): string | undefined {
  if (firstChunk === undefined) return undefined;
  const chunk = JSON.parse(firstChunk) as Chunk;
  return chunk.type === "start" ? chunk.messageId : undefined;
}

export async function positionAt(hub: LogHub, key: LogKey, seq: number): Promise<Position | undefined> {
  const { base } = await hub.state(key);
  if (seq <= base.seq) return seq === base.seq ? base : undefined;
  const tag = await hub.tagAt(key, seq);
  return tag === undefined ? undefined : { epoch: base.epoch, seq, tag };
}

export async function recordsBetween(
  hub: LogHub,
  key: LogKey,
  afterSeq: number,
  endSeq: number,
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let seq = afterSeq; seq < endSeq; ) {
    const read = await hub.read(key, seq, endSeq - seq, WINDOW_BYTES);
    const last = read?.records.at(-1);
    if (read === undefined || last === undefined) break;
    records.push(...read.records.filter((record) => record.seq <= endSeq));
    seq = last.seq;
  }
  return records;
}
