import type { ErrorCode } from "@tachikoma/protocol";

/**
 * What this package throws and rejects with. Match on `code`: it is one of the catalogue's, or a newer server's. The class is
 * not the catalogue's own, which would bring the texts of all errors into every page.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ErrorCode | (string & {});

  constructor(code: ErrorCode | (string & {}), message: string) {
    super(message);
    this.code = code;
  }
}

/** Codes of requests that may succeed when they are made again: the catalogue's `resume` with a status of 500 and more. */
export const PASSING_CODES: readonly string[] = [
  "INTERNAL",
  "STORE_UNAVAILABLE",
  "SERVER_NOT_READY",
  "SERVER_OVERLOADED",
] satisfies ErrorCode[];

/** An error as the server put it. */
export function errorFromWire(
  body: { readonly code: string; readonly message: string } | undefined,
): ClientError {
  return new ClientError(body?.code ?? "INTERNAL", body?.message ?? "The server gave no reason");
}
