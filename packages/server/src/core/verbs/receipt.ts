import { ERRORS, errorCodeOf, type ReceiptStatus, type ServerMessageOf } from "@tachikoma/protocol";
import type { Connection } from "../connection/connection.ts";

export interface ReceiptBody {
  readonly status: ReceiptStatus;
  readonly position?: string;
  readonly executionId?: string;
  readonly channel?: string;
  readonly error?: ServerMessageOf<"receipt">["error"];
}

/** Answers a command when its outcome is known; a refusal is an answer too. */
export async function sendReceipt(
  connection: Connection,
  ref: string,
  outcome: Promise<ReceiptBody>,
): Promise<void> {
  const body = await outcome.catch((cause: unknown) => rejection(connection, cause));
  connection.send({ type: "receipt", ref, ...body });
}

function rejection(connection: Connection, cause: unknown): ReceiptBody {
  const code = errorCodeOf(cause);
  if (code === undefined) connection.context.logger.error({ err: cause }, "Command failed");
  // Whether it was stored is not known: the client asks again with the same id.
  const message = code !== undefined && cause instanceof Error ? cause.message : ERRORS.INTERNAL.message;
  connection.context.observer.errorSent(code ?? "INTERNAL");
  return { status: "rejected", error: { code: code ?? "INTERNAL", message } };
}
