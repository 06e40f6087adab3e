/**
 * A stream in its log. Each record is one message, `[MARK]` or `[MARK,CONTENT]`:
 *
 *   [{"k":"t","n":11,"z":1},"hello world"]    text; the stream has 11 bytes after it; its checkpoint is record 1
 *   [{"k":"b","n":15,"z":1},"/v79/A=="]       bytes that are no text, or are shorter so, as base64
 *   [{"k":"j","n":7,"z":1},{"a": 1}]          one message of a JSON stream, as it was sent
 *   [{"k":"-","n":0,"z":2,"s":{...}}]         a checkpoint: all that is known of the stream without its content
 *
 * `d` says what else happened in the append that ends with this record. From the newest record one gets to its checkpoint, and
 * from there with what follows to the present, so nothing else has to be stored.
 */
import { isUtf8 } from "node:buffer";
import type { LogRecord, NewRecord } from "../../stores/store.ts";
import { endOfElement } from "./json-messages.ts";
import type { Delta, StoredState } from "./stream-state.ts";

export interface Mark {
  readonly k: "t" | "b" | "j" | "-";
  /** Bytes of the stream up to here. */
  readonly n: number;
  /** Number of the newest checkpoint, this record included. */
  readonly z: number;
  readonly d?: Delta;
  readonly s?: StoredState;
}

/** A piece of content on its way into the log. */
export interface Piece {
  readonly kind: "t" | "b" | "j";
  /** JSON text. */
  readonly json: string;
  readonly byteCount: number;
}

/** Content of one record at most; a page of a read is made of whole ones. */
export const MAX_PIECE_BYTES = 128 * 1024;

export function encodeRecord(mark: Mark, piece: Piece | undefined): NewRecord {
  const content = piece === undefined ? "" : `,${piece.json}`;
  return { type: "message", body: `[${JSON.stringify(mark)}${content}]` };
}

export function markOf({ body }: LogRecord): Mark {
  return JSON.parse(body.slice(1, endOfElement(body, 1))) as Mark;
}

/** The content of a record as it was sent; `undefined` for one without. */
export function contentOf({ body }: LogRecord, { k }: Mark): Buffer | undefined {
  if (k === "-") return undefined;
  const json = body.slice(endOfElement(body, 1) + 1, -1);
  if (k === "j") return Buffer.from(json);
  const text = JSON.parse(json) as string;
  return Buffer.from(text, k === "t" ? "utf8" : "base64");
}

export function jsonPiece(message: string): Piece {
  return { kind: "j", json: message, byteCount: Buffer.byteLength(message) };
}

/** Cuts content into pieces; where it is text, between characters. */
export function bytePieces(content: Buffer): Piece[] {
  const isText = isUtf8(content);
  const pieces: Piece[] = [];
  for (let start = 0; start < content.length; ) {
    const end = Math.min(start + MAX_PIECE_BYTES, content.length);
    const cut = isText ? characterStart(content, end) : end;
    pieces.push(bytePiece(content.subarray(start, cut), isText));
    start = cut;
  }
  return pieces;
}

function bytePiece(bytes: Buffer, isText: boolean): Piece {
  const base64 = `"${bytes.toString("base64")}"`;
  const text = isText ? JSON.stringify(bytes.toString()) : undefined;
  // Control characters take six times their size as text.
  const isShorter = text !== undefined && text.length <= base64.length;
  return isShorter
    ? { kind: "t", json: text, byteCount: bytes.length }
    : { kind: "b", json: base64, byteCount: bytes.length };
}

/** The nearest place at or before `at` where no character is cut. */
function characterStart(content: Buffer, at: number): number {
  let start = at;
  while (start < content.length && (content[start]! & 0xc0) === 0x80) start -= 1;
  return start;
}
