/** Repeatable randomness for tests and simulations: xoshiro128** (Blackman, Vigna), its state filled by splitmix32. */
import type { Random } from "../ports.ts";

const ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** The same seed gives the same sequence, on every machine. */
export function seededRandom(seed: number): Random {
  const nextUint32 = xoshiro128(seed);
  const fraction = (): number => {
    const high = nextUint32() >>> 5;
    const low = nextUint32() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  };
  return {
    fraction,
    id(chars) {
      let id = "";
      for (let index = 0; index < chars; index += 1) id += ID_ALPHABET[Math.floor(fraction() * 36)];
      return id;
    },
  };
}

function xoshiro128(seed: number): () => number {
  const nextSeed = splitmix32(seed);
  let a = nextSeed();
  let b = nextSeed();
  let c = nextSeed();
  let d = nextSeed();
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

function splitmix32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
