import { expect, test } from "vitest";
import { followsAfterScroll } from "./follow-scroll.ts";

const at = (scrollTop: number, scrollHeight = 2_000) => ({ scrollTop, scrollHeight, clientHeight: 500 });

test("growing content does not let go of the end", () => {
  expect(followsAfterScroll(true, 1_000, at(1_000))).toBe(true);
});

test("the reader's own move upwards lets go", () => {
  expect(followsAfterScroll(true, 1_500, at(1_300))).toBe(false);
});

test("a small move at the end does not", () => {
  expect(followsAfterScroll(true, 1_500, at(1_480))).toBe(true);
});

test("reading further down, but not to the end, does not take hold again", () => {
  expect(followsAfterScroll(false, 200, at(900))).toBe(false);
});

test("reaching the end takes hold again", () => {
  expect(followsAfterScroll(false, 900, at(1_490))).toBe(true);
});
