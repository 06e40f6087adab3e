/** The content of one record as the history names it: the same text whether it comes from a log, a frame or a client. */
import { type Chunk, plainDeltaOf } from "@tachikoma/protocol";
import type { NewRecord } from "../packages/server/src/stores/store.ts";

export function messageValue(data: unknown): string {
  return JSON.stringify(data);
}

/** Merged deltas have the joined texts of what they were merged from. */
export function chunkValue(executionId: string, chunk: Chunk): string {
  return plainDeltaOf(chunk)?.text ?? `${executionId} ${JSON.stringify(chunk)}`;
}

export function isDelta(chunk: Chunk): boolean {
  return plainDeltaOf(chunk) !== undefined;
}

export function startValue(executionId: string): string {
  return `started ${executionId}`;
}

export function endValue(executionId: string, outcome: string): string {
  return `${outcome} ${executionId}`;
}

export type Outcome = "completed" | "failed" | "cancelled" | "interrupted";

export function outcomeOf(type: string): Outcome | undefined {
  return /^execution_(completed|failed|cancelled|interrupted)$/.exec(type)?.[1] as Outcome | undefined;
}

export function recordValue(record: NewRecord): string {
  const { type, body, executionId = "" } = record;
  if (type === "message") return messageValue(JSON.parse(body));
  if (type === "chunk") return chunkValue(executionId, JSON.parse(body) as Chunk);
  return type === "execution_started"
    ? startValue(executionId)
    : endValue(executionId, outcomeOf(type) ?? type);
}
