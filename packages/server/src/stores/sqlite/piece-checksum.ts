import { crc32 } from "node:zlib";

interface PieceFrame {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly head: string;
}

/** CRC-32 of a row of `piece` and of where it belongs: a row in the place of another is found too. */
export function pieceChecksum(
  logId: number,
  { firstSeq, lastSeq, head }: PieceFrame,
  bodies: string | Uint8Array,
): number {
  return crc32(bodies, crc32(head, crc32(`${logId} ${firstSeq} ${lastSeq}`)));
}
