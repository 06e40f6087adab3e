import { crc32 } from "node:zlib";

interface PieceFrame {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly head: string;
}

/** CRC-32 of a row of `piece` that starts with where the row belongs: one in the place of another is found too. */
export function pieceChecksum(
  logId: number,
  { firstSeq, lastSeq, head }: PieceFrame,
  bodies: string | Uint8Array,
): number {
  const place = Math.imul(Math.imul(logId, 0x9e3779b1) ^ firstSeq, 0x85ebca6b) ^ lastSeq;
  return crc32(bodies, crc32(head, place >>> 0));
}
