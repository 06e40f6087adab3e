import { errorCodeOf, TachikomaError } from "@tachikoma/protocol";
import { errorOf } from "../sqlite/failure-error.ts";
import type { Failure } from "../sqlite/sqlite-call.ts";

/** An error on its way to another process. */
export function failureOf(thrown: unknown): Failure {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause.message : undefined;
  return { code: errorCodeOf(thrown) ?? "INTERNAL", message, ...(cause === undefined ? {} : { cause }) };
}

export { errorOf };

export function unavailable(reason: string, cause?: unknown): TachikomaError {
  return new TachikomaError(
    "STORE_UNAVAILABLE",
    `The process that has the store ${reason}`,
    cause === undefined ? undefined : { cause },
  );
}
