import { randomFillSync } from "node:crypto";
import type { Random } from "../core/ports.ts";

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
/** The largest multiple of 36 that fits a byte: bytes from here on would favour the first characters. */
const UNBIASED_BYTES = 252;
/** One call into the system's generator costs about as much as filling this many bytes. */
const POOL_BYTES = 1024;

/** Cryptographically strong randomness: ids of sessions and connections must not be guessable. */
export const systemRandom: Random = createSystemRandom();

function createSystemRandom(): Random {
  const pool = Buffer.alloc(POOL_BYTES);
  let offset = POOL_BYTES;

  const reserve = (bytes: number): number => {
    if (offset + bytes > POOL_BYTES) {
      randomFillSync(pool);
      offset = 0;
    }
    const start = offset;
    offset += bytes;
    return start;
  };

  return {
    id(chars) {
      let id = "";
      while (id.length < chars) {
        const byte = pool[reserve(1)]!;
        if (byte < UNBIASED_BYTES) id += ID_ALPHABET[byte % 36];
      }
      return id;
    },
    fraction() {
      const start = reserve(8);
      const high = pool.readUInt32LE(start) >>> 5;
      const low = pool.readUInt32LE(start + 4) >>> 6;
      return (high * 2 ** 26 + low) / 2 ** 53;
    },
  };
}
