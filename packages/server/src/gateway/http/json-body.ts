import type { IncomingMessage } from "node:http";
import { isNestedDeeperThan, MAX_NESTING_LEVELS, TachikomaError } from "@tachikoma/protocol";

/** Reads a JSON body. @throws MESSAGE_TOO_LARGE, INVALID_MESSAGE */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const pieces: Buffer[] = [];
  let byteCount = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    byteCount += piece.length;
    if (byteCount > maxBytes) {
      throw new TachikomaError("MESSAGE_TOO_LARGE", `The body is larger than ${maxBytes} bytes`);
    }
    pieces.push(piece);
  }
  const text = Buffer.concat(pieces).toString("utf8");
  if (isNestedDeeperThan(text, MAX_NESTING_LEVELS)) {
    throw new TachikomaError(
      "INVALID_MESSAGE",
      `The body is nested deeper than ${MAX_NESTING_LEVELS} levels`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new TachikomaError("INVALID_MESSAGE", "The body is not JSON");
  }
}

/** An object with own fields, as a body must be. */
export function asObject(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new TachikomaError("INVALID_MESSAGE", "The body is not a JSON object");
  }
  return body as Record<string, unknown>;
}
