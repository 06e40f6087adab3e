import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatPosition, isSamePosition, MAX_POSITION_CHARS, ORIGIN_TAG, parsePosition } from "./position.ts";

const word = fc.stringMatching(/^[A-Za-z0-9_-]{1,16}$/);
const position = fc.record({ epoch: word, seq: fc.maxSafeNat(), tag: word });

test("POS-1 POS-2 a position survives its wire form", () => {
  fc.assert(
    fc.property(position, (value) => {
      const text = formatPosition(value);
      expect(text.length).toBeLessThanOrEqual(MAX_POSITION_CHARS);
      expect(parsePosition(text)).toEqual(value);
    }),
  );
});

test("POS-2 whatever is read is written the same way: no position has two spellings", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{1,3}\.[0-9]{1,18}\.[a-z]{1,3}$/), (text) => {
      const parsed = parsePosition(text);
      if (parsed !== undefined) expect(formatPosition(parsed)).toBe(text);
    }),
  );
});

test("any text is survived", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parsePosition(text)));
});

test("the place before the first record", () => {
  expect(parsePosition(`e.0.${ORIGIN_TAG}`)).toEqual({ epoch: "e", seq: 0, tag: ORIGIN_TAG });
});

describe("POS-2 rejects", () => {
  test.each([
    "",
    "e",
    "e.1",
    "e.1.t.x",
    ".1.t",
    "e..t",
    "e.1.",
    "e.-1.t",
    "e.01.t",
    "e.1.5.t",
    "e.1e3.t",
    "e.9007199254740992.t",
    "e.99999999999999999.t",
    " e.1.t",
    "e.1.t\n",
    "é.1.t",
    "e/.1.t",
    `${"e".repeat(17)}.1.t`,
    `e.1.${"t".repeat(17)}`,
    `e.1.${"t".repeat(100)}`,
  ])("%j", (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
});

test("two positions are the same when all three agree", () => {
  const place = { epoch: "e", seq: 1, tag: "t" };
  expect(isSamePosition(place, { ...place })).toBe(true);
  for (const other of [{ epoch: "f" }, { seq: 2 }, { tag: "u" }]) {
    expect(isSamePosition(place, { ...place, ...other })).toBe(false);
  }
});
