/** Finds the answer of a chat that is being made, by reading what its channel retains. */
import { parsePosition } from "@tachikoma/protocol";
import type { Channel, Delivery, Execution, Subscription, TachikomaClient } from "../api.ts";

interface Newest {
  readonly executionId: string;
  /** Right before its first record; `undefined` when that is the first of the channel. */
  readonly before: string | undefined;
  readonly isOver: boolean;
}

/** Records that are not for this client move the place without a delivery: it is looked at as often. */
const LOOK_INTERVAL_MS = 50;

/** @returns the execution that was started last, from its beginning, when it runs; rejects with the signal's reason */
export async function runningExecution(
  client: TachikomaClient,
  channelName: string,
  signal: AbortSignal | undefined,
): Promise<Execution | undefined> {
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
    return newest === undefined || newest.isOver ? undefined : attach(client, channel, newest);
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
  switch (delivery.type) {
    case "started":
      return { executionId: delivery.executionId, before, isOver: false };
    case "ended":
      return newest?.executionId === delivery.executionId ? { ...newest, isOver: true } : newest;
    case "reset":
      return undefined;
    default:
      return newest;
  }
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
