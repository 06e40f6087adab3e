import { expect, test } from "vitest";
import { scanMarks } from "./mark.ts";
import { dueMsOf, pacedTokens } from "./paced-tokens.ts";

test("tokens are due one by one, or in pieces that are due when their last token is", () => {
  const run = { tokenCount: 100, tokensPerSec: 400 };
  expect([0, 1, 2, 4].map((index) => dueMsOf(index, run))).toEqual([0, 2.5, 5, 10]);
  const inPieces = { ...run, pieceMs: 10 };
  expect([0, 1, 4, 5, 8, 9].map((index) => dueMsOf(index, inPieces))).toEqual([0, 10, 10, 20, 20, 30]);
  // Slower than the pieces nothing is held back for longer than one.
  expect(dueMsOf(1, { tokenCount: 2, tokensPerSec: 50, pieceMs: 10 })).toBe(20);
});

test("timed when due, a token says when it should have been there, however late it is taken", async () => {
  const times: number[] = [];
  for await (const token of pacedTokens({ tokenCount: 21, tokensPerSec: 1_000, timedWhen: "due" })) {
    // The reader is slow: the source cannot be on time.
    if (times.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const bytes = Buffer.from(token);
    scanMarks(
      bytes,
      0,
      bytes.length,
      (_, madeAtMicros) => madeAtMicros !== undefined && times.push(madeAtMicros),
    );
  }
  expect(times.map((time) => time - times[0]!)).toEqual([0, 10_000, 20_000]);
});
