import type { LogRecord } from "../../stores/store.ts";

/** Something that waits until it is let through. */
export interface Gate {
  readonly passed: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: () => resolve() };
}

/** The text that a log holds, record by record. */
export function textOfRecords(records: readonly LogRecord[], executionId?: string): string {
  return records
    .filter((record) => record.type === "chunk")
    .filter((record) => executionId === undefined || record.executionId === executionId)
    .map((record) => JSON.parse(record.body) as { readonly type: string; readonly delta?: string })
    .map((chunk) => (chunk.type === "text-delta" ? (chunk.delta ?? "") : ""))
    .join("");
}
