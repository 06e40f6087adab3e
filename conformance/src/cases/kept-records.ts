/** What the store holds when a server has come back. */
import { isRecordFrame, isTerminal, type RecordFrame } from "../clients/wire-message.ts";
import { holds } from "../expectation.ts";
import type { Trial } from "../trial.ts";

/** The lease of a node that was killed has to run out before another one may end what it ran. */
const MAX_OWNER_LOST_MS = 30_000;

/** What is in a channel: nothing where the store has forgotten it. */
export async function keptIn(t: Trial, channel: string): Promise<readonly RecordFrame[]> {
  const reader = await t.connect();
  const marker = t.freshName();
  await reader.publish(channel, marker);
  await reader.subscribe(channel, { since: "start" });
  return reader.recordsUntil(channel, ({ data }) => data === marker);
}

/** The records of a channel up to one that somebody still has to write. */
export async function untilRecord(t: Trial, channel: string, isWanted: (frame: RecordFrame) => boolean) {
  const client = await t.connect();
  await client.subscribe(channel, { since: "start" });
  const frames = () => client.received.filter(isRecordFrame).filter((frame) => frame.channel === channel);
  const untilMs = performance.now() + MAX_OWNER_LOST_MS;
  while (!frames().some(isWanted)) {
    holds(performance.now() < untilMs, `a record was written within ${MAX_OWNER_LOST_MS} ms`);
    await t.elapse(100, "the lease of the node that was killed");
  }
  return frames();
}

/** The records of an execution, with what stands in the channel behind its end. */
export async function keptUntilEnd(t: Trial, channel: string, executionId: string) {
  await untilRecord(t, channel, (frame) => frame.execution_id === executionId && isTerminal(frame));
  const frames = await keptIn(t, channel);
  return frames.filter((frame) => frame.execution_id === executionId);
}
