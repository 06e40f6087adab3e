import { ClientError } from "../client-error.ts";

export function errorOf(cause: unknown): ClientError {
  return cause instanceof ClientError ? cause : new ClientError("INTERNAL", String(cause));
}
