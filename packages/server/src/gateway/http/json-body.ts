import type { IncomingMessage } from "node:http";
import { isNestedDeeperThan, MAX_NESTING_LEVELS, TachikomaError } from "@tachikoma/protocol";

/** Reads a JSON body. @throws MESSAGE_TOO_LARGE, INVALID_MESSAGE */
export async function readJsonBody(
  request: IncomingMessage,
  maxBytes: number,
  maxLevels = MAX_NESTING_LEVELS,
): Promise<unknown> {
  const text = (await readBody(request, maxBytes)).toString("utf8");
  if (isNestedDeeperThan(text, maxLevels)) {
    throw new TachikomaError("INVALID_MESSAGE", `The body is nested deeper than ${maxLevels} levels`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new TachikomaError("INVALID_MESSAGE", "The body is not JSON");
  }
}

/** @throws MESSAGE_TOO_LARGE, INVALID_MESSAGE */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let byteCount = 0;
    request.on("data", (piece: Buffer) => {
      byteCount += piece.length;
      if (byteCount <= maxBytes) {
        pieces.push(piece);
        return;
      }
      // The rest is read and dropped: a peer that is cut off while it sends does not read the answer.
      pieces.length = 0;
      reject(new TachikomaError("MESSAGE_TOO_LARGE", `The body is larger than ${maxBytes} bytes`));
    });
    request.once("end", () => resolve(Buffer.concat(pieces)));
    const cutOff = () => reject(new TachikomaError("INVALID_MESSAGE", "The body ended early"));
    request.once("error", cutOff);
    request.once("close", cutOff);
  });
}

/** An object with own fields, as a body must be. */
export function asObject(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new TachikomaError("INVALID_MESSAGE", "The body is not a JSON object");
  }
  return body as Record<string, unknown>;
}
