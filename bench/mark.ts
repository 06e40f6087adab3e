/**
 * What every record carries so that the generator can check and time it without parsing JSON: `|000042`, its number in its
 * stream, and on some records `@` with the time at which it was made, in microseconds of the clock that all processes of a
 * machine share. The bytes are the same in every protocol, so the check costs the same for every contender. No protocol here
 * uses `|` in its own fields.
 */
const INDEX_DIGITS = 6;
const TIME_DIGITS = 16;
const BAR = 0x7c;
const AT = 0x40;
const ZERO = 0x30;

export const MAX_MARK_INDEX = 10 ** INDEX_DIGITS - 1;

export function sharedNowMicros(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + Math.floor(nanoseconds / 1e3);
}

export function plainMark(index: number): string {
  return `|${String(index).padStart(INDEX_DIGITS, "0")} `;
}

export function timedMark(index: number, atMicros = sharedNowMicros()): string {
  const time = String(atMicros).padStart(TIME_DIGITS, "0");
  return `|${String(index).padStart(INDEX_DIGITS, "0")}@${time} `;
}

/** Takes each mark between `start` and `end`; the time is `undefined` where the record has none. */
export function scanMarks(
  bytes: Buffer,
  start: number,
  end: number,
  onMark: (index: number, madeAtMicros: number | undefined) => void,
): void {
  let at = bytes.indexOf(BAR, start);
  while (at !== -1 && at < end) {
    const afterIndex = at + 1 + INDEX_DIGITS;
    const index = digits(bytes, at + 1, INDEX_DIGITS);
    const isTimed = bytes[afterIndex] === AT;
    onMark(index, isTimed ? digits(bytes, afterIndex + 1, TIME_DIGITS) : undefined);
    at = bytes.indexOf(BAR, afterIndex);
  }
}

function digits(bytes: Buffer, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at += 1) value = value * 10 + (bytes[at]! - ZERO);
  return value;
}
