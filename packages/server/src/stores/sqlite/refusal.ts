import type { ErrorCode } from "@tachikoma/protocol";

/**
 * An error of the catalogue on the worker's side, which becomes a `TachikomaError` on the main side. The worker loads
 * nothing of the protocol package: from sources that would be most of the time it takes to start.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
