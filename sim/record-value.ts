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

/** The content of the execution so far is void. */
export function restartValue(executionId: string, attempt: number): string {
  return `restarted ${executionId} ${attempt}`;
}

export function isRestart(value: string, executionId: string): boolean {
  return value.startsWith(`restarted ${executionId} `);
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
  if (type === "execution_started") return startValue(executionId);
  if (type === "execution_restarted") {
    return restartValue(executionId, (JSON.parse(body) as { readonly attempt: number }).attempt);
  }
  return endValue(executionId, outcomeOf(type) ?? type);
}
