/** How an execution ends: exactly one of these, and the record and chunk that say so. */
import { type Chunk, ERRORS, errorCodeOf, toWireNames, type Usage } from "@tachikoma/protocol";
import type { NewRecord } from "../../stores/store.ts";

export type ExecutionEnd =
  | { readonly kind: "completed" }
  | { readonly kind: "failed"; readonly error: { readonly code: string; readonly message: string } }
  | {
      readonly kind: "cancelled";
      readonly reason: "requested" | "unwatched";
      readonly sender: string | undefined;
    }
  | { readonly kind: "interrupted"; readonly reason: "server_stopped" | "owner_lost" };

/** The end of a handler that threw. Only errors of the catalogue show their text; all others may carry secrets. */
export function endForThrown(thrown: unknown): ExecutionEnd {
  const code = errorCodeOf(thrown);
  if (code === undefined || !(thrown instanceof Error)) {
    return { kind: "failed", error: { code: "HANDLER_FAILED", message: ERRORS.HANDLER_FAILED.message } };
  }
  return { kind: "failed", error: { code, message: thrown.message } };
}

export function terminalRecord(executionId: string, end: ExecutionEnd, usage: Usage): NewRecord {
  const sender = end.kind === "cancelled" ? end.sender : undefined;
  return {
    type: `execution_${end.kind}`,
    executionId,
    body: JSON.stringify(toWireNames(fieldsOf(end, usage))),
    ...(sender === undefined ? {} : { sender }),
  };
}

/** The chunk with which content ends that is not complete. */
export function breakingChunk(end: ExecutionEnd): Extract<Chunk, { type: "abort" | "error" }> {
  return end.kind === "failed"
    ? { type: "error", errorText: end.error.message }
    : { type: "abort", reason: end.kind };
}

function fieldsOf(end: ExecutionEnd, usage: Usage): object {
  switch (end.kind) {
    case "completed":
      return { usage };
    case "failed":
      return { usage, error: end.error };
    case "cancelled":
    case "interrupted":
      return { usage, reason: end.reason };
  }
}
