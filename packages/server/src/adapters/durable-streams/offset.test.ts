import fc from "fast-check";
import { expect, test } from "vitest";
import { formatOffset, parseOffset } from "./offset.ts";

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const place = fc.record({ seq: number, bytes: number, tag: fc.stringMatching(/^[0-9a-z]{5}$/) });

test("an offset is read as it was written, and sorts as the place it names", () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      fc.pre(a.seq > 0 && a.seq !== b.seq);
      expect(parseOffset(formatOffset(a))).toEqual({ kind: "at", ...a });
      expect(formatOffset(a) < formatOffset(b)).toBe(a.seq < b.seq);
      expect(formatOffset(a)).toMatch(/^[0-9a-z_]{1,60}$/);
    }),
  );
});

test.each([
  ["-1", { kind: "start" }],
  ["0000000000000000_0000000000000000", { kind: "start" }],
  ["now", { kind: "now" }],
  ["0000000000000002_0000000000000007", { kind: "at", seq: 2, bytes: 7, tag: undefined }],
])("%s", (text, request) => {
  expect(parseOffset(text)).toEqual(request);
});

test.each([
  "",
  "-2",
  "NOW",
  "0,1",
  "0 1",
  "1_2",
  "../x",
  "0000000000000002_0000000000000007_",
  "x".repeat(500),
])("refuses %j", (text) => {
  expect(() => parseOffset(text)).toThrow("not an offset of this server");
});
