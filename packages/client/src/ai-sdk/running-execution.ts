/** Finds the answer of a chat that is being made, by reading what its channel retains. */
import { type Chunk, earlierTurn, mergeChunks, parsePosition } from "@tachikoma/protocol";
import type { Channel, Delivery, Execution, Subscription, TachikomaClient } from "../api.ts";

export interface RunningAnswer {
  readonly execution: Execution;
  /** What executions before it have written of the same message. */
  readonly earlier: readonly Chunk[];
}

interface Newest {
  readonly executionId: string;
  /** Right before its last attempt; `undefined` when that begins the channel. */
  readonly before: string | undefined;
  readonly isOver: boolean;
  /** Of its last attempt, adjacent deltas joined. */
  readonly chunks: Chunk[];
  readonly earlier: readonly Chunk[];
  /** What was the newest before it, and may have begun its message. */
  readonly previous: Newest | undefined;
}

/** Records that are not for this client move the place without a delivery: it is looked at as often. */
const LOOK_INTERVAL_MS = 50;

/** @returns the execution that was started last, from its beginning, when it runs; rejects with the reason of the signal */
export async function runningExecution(
  client: TachikomaClient,
  channelName: string,
  signal: AbortSignal | undefined,
): Promise<RunningAnswer | undefined> {
  signal?.throwIfAborted();
  const channel = client.channel(channelName);
  const head = channel.subscribe({ since: "head" });
  const history = channel.subscribe({ since: "start" });
  const stop = () => {
    head.unsubscribe();
    history.unsubscribe();
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const { position } = await head.ready;
    const newest = await newestIn(history, seqOf(position));
    if (newest === undefined || newest.isOver) return undefined;
    return { execution: attach(client, channel, newest), earlier: newest.earlier };
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause;
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
    signal?.throwIfAborted();
  }
}

async function newestIn(history: Subscription, endSeq: number): Promise<Newest | undefined> {
  await history.ready;
  const deliveries = history[Symbol.asyncIterator]();
  let newest: Newest | undefined;
  let before: string | undefined;
  let waiting: Promise<IteratorResult<Delivery, undefined>> | undefined;
  while (seqOf(history.position) < endSeq) {
    waiting ??= deliveries.next();
    const next = await Promise.race([waiting, later()]);
    if (next === undefined) continue;
    if (next.done === true) break;
    waiting = undefined;
    newest = after(newest, next.value, before);
    before = next.value.position;
  }
  return newest;
}

function after(
  newest: Newest | undefined,
  delivery: Delivery,
  before: string | undefined,
): Newest | undefined {
  if (delivery.type === "reset") return undefined;
  if (delivery.type === "started") {
    const { executionId } = delivery;
    // Of what came before no more is needed than what it has written itself.
    const previous = newest === undefined ? undefined : { ...newest, previous: undefined };
    return { executionId, before, isOver: false, chunks: [], earlier: [], previous };
  }
  if (newest === undefined || !("executionId" in delivery) || delivery.executionId !== newest.executionId) {
    return newest;
  }
  if (delivery.type === "restarted") return { ...newest, before, chunks: [], earlier: [] };
  if (delivery.type === "ended") return { ...newest, isOver: true };
  return withChunk(newest, delivery.chunk);
}

function withChunk(newest: Newest, chunk: Chunk): Newest {
  const { chunks, previous } = newest;
  const last = chunks.at(-1);
  const joined = last === undefined ? undefined : mergeChunks(last, chunk);
  if (joined === undefined) chunks.push(chunk);
  else chunks[chunks.length - 1] = joined;
  const isContinued =
    chunks.length === 1 && previous !== undefined && messageIdOf(chunk) === messageIdOf(previous.chunks[0]);
  if (!isContinued || messageIdOf(chunk) === undefined) return newest;
  const isFirst = previous.earlier.length === 0;
  return { ...newest, earlier: [...previous.earlier, ...earlierTurn(previous.chunks, isFirst)] };
}

function messageIdOf(chunk: Chunk | undefined): string | undefined {
  return chunk?.type === "start" ? chunk.messageId : undefined;
}

function attach(client: TachikomaClient, channel: Channel, { executionId, before }: Newest): Execution {
  const place = before === undefined ? { since: "start" as const } : { position: before };
  const execution = client.execution(executionId, { channel: channel.name, ...place });
  // It begins to follow when it is looked at: before the last subscription leaves the channel.
  void execution.status;
  return execution;
}

function seqOf(position: string | undefined): number {
  return (position === undefined ? undefined : parsePosition(position)?.seq) ?? 0;
}

function later(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS, undefined));
}
