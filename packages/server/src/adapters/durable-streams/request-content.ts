/** The body of a request as pieces of content. */
import { isUtf8 } from "node:buffer";
import { messagesOf } from "./json-messages.ts";
import { bytePieces, jsonPiece, type Piece } from "./record-codec.ts";
import { badRequest, StreamFault } from "./stream-fault.ts";
import { isJson } from "./stream-headers.ts";

/** Messages that one append may bring. */
const MAX_MESSAGES = 10_000;

/** @throws StreamFault 400, 413 */
export function piecesOf(body: Buffer, contentType: string): Piece[] {
  if (body.length === 0) return [];
  return isJson(contentType) ? messagePieces(body) : bytePieces(body);
}

function messagePieces(body: Buffer): Piece[] {
  if (!isUtf8(body)) throw badRequest("The body is not UTF-8");
  const messages = messagesOf(body.toString());
  if (messages.length > MAX_MESSAGES) {
    const message = `The body has ${messages.length} messages, allowed are ${MAX_MESSAGES}`;
    throw new StreamFault("MESSAGE_TOO_LARGE", message);
  }
  return messages.map(jsonPiece);
}
