import fc from "fast-check";
import { expect, test } from "vitest";
import { closeReason, MAX_CLOSE_REASON_BYTES } from "./close-reason.ts";

test("a reason that fits stays as it is", () => {
  expect(closeReason("")).toBe("");
  expect(closeReason("x".repeat(MAX_CLOSE_REASON_BYTES))).toHaveLength(MAX_CLOSE_REASON_BYTES);
});

test("a longer one is cut at a character: a prefix, at most 123 bytes, as long as it can be", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const reason = closeReason(text);
      const bytes = Buffer.byteLength(reason);
      expect(bytes).toBeLessThanOrEqual(MAX_CLOSE_REASON_BYTES);
      expect(text.startsWith(reason)).toBe(true);
      if (reason.length < text.length) expect(bytes).toBeGreaterThan(MAX_CLOSE_REASON_BYTES - 4);
    }),
  );
});
