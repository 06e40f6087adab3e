import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatDurationSecs, parseDurationSecs } from "./duration.ts";

describe("durations", () => {
  test.each([
    ["90s", 90],
    ["30m", 1800],
    ["24h", 86_400],
    ["7d", 604_800],
    ["3600", 3600],
    ["0.5s", 0.5],
    [" 2 h ", 7200],
  ])("%j is %d seconds", (text, secs) => {
    expect(parseDurationSecs(text)).toBe(secs);
  });

  test.each(["", "h", "-1h", "1w", "1h30m", "1e3", "Infinity", "24H", "0x10"])("%j is none", (text) => {
    expect(parseDurationSecs(text)).toBeUndefined();
  });

  test.each([
    [86_400, "24h"],
    [604_800, "7d"],
    [1800, "30m"],
    [90, "90s"],
    [0, "0s"],
    [0.25, "0.25s"],
  ])("%d seconds are shown as %j", (secs, text) => {
    expect(formatDurationSecs(secs)).toBe(text);
  });

  test("what is shown can be read again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (secs) => {
        expect(parseDurationSecs(formatDurationSecs(secs))).toBe(secs);
      }),
    );
  });
});
