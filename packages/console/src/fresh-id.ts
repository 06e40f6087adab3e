const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** An id from the browser's random source. `crypto.randomUUID` is missing on plain http, this is not. */
export function freshId(chars: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(chars));
  // The bias of 256 modulo 36 does not matter for names that only have to be unlikely to meet.
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
