/**
 * Where a reader of a stream stands: after the record `seq`, at which the stream has so many bytes. As text it sorts like the
 * place it names, because both numbers have all their digits:
 *
 *   0000000000000007_0000000000001204_k3x9a
 *
 * The tag is that of the record: a log that lost its end and grew another one is noticed and not spliced. Numbers of a fork go
 * on from those of its source, so the places that it has inherited are the same in both.
 */
import { badRequest, type StreamFault } from "./stream-fault.ts";

export interface Offset {
  readonly seq: number;
  readonly bytes: number;
  readonly tag: string;
}

/** What a client asked for. */
export type OffsetRequest =
  | { readonly kind: "start" }
  | { readonly kind: "now" }
  | { readonly kind: "at"; readonly seq: number; readonly bytes: number; readonly tag: string | undefined };

const DIGITS = 16;
const PATTERN = /^(\d{16})_(\d{16})(?:_([A-Za-z0-9-]{1,16}))?$/;

export function formatOffset({ seq, bytes, tag }: Offset): string {
  return `${digits(seq)}_${digits(bytes)}_${tag}`;
}

export function isSameOffset(a: Offset, b: Offset): boolean {
  return a.seq === b.seq && a.bytes === b.bytes && a.tag === b.tag;
}

/** @throws StreamFault 400 */
export function parseOffset(text: string): OffsetRequest {
  if (text === "-1") return { kind: "start" };
  if (text === "now") return { kind: "now" };
  const match = PATTERN.exec(text);
  if (match === null) throw malformed(text);
  const [seq, bytes] = [Number(match[1]), Number(match[2])];
  // No place has these numbers; clients of other servers know them as the beginning.
  if (seq === 0 && bytes === 0) return { kind: "start" };
  return { kind: "at", seq, bytes, tag: match[3] };
}

function malformed(text: string): StreamFault {
  return badRequest(`offset is ${JSON.stringify(text.slice(0, 60))}: not an offset of this server`);
}

function digits(value: number): string {
  return String(value).padStart(DIGITS, "0");
}
