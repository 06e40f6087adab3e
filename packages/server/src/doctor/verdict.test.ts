import { expect, test } from "vitest";
import { type Finding, type FindingLevel, shownBytes } from "./finding.ts";
import { latencyOf } from "./latency.ts";
import { verdictOn } from "./verdict.ts";

test.each<[FindingLevel[], boolean, string]>([
  [["ok", "ok"], true, "All 2 checks are fine."],
  [
    ["ok", "warning"],
    true,
    "No problem and 1 warning: a server would run. Look at it before you rely on it.",
  ],
  [
    ["warning", "warning"],
    true,
    "No problem and 2 warnings: a server would run. Look at them before you rely on it.",
  ],
  [
    ["problem", "ok"],
    false,
    "1 problem: a server with these settings would not start, or not keep what it promises.",
  ],
  [
    ["problem", "problem", "warning"],
    false,
    "2 problems and 1 warning: a server with these settings would not start, or not keep what it promises.",
  ],
])("%j", (levels, isFit, text) => {
  const findings = levels.map((level): Finding => ({ area: "process", check: "x", level, text: "x" }));
  expect(verdictOn(findings)).toMatchObject({ isFit, text });
});

test("bytes and percentiles are what people expect", () => {
  expect([0, 1023, 1536, 200 * 1024 ** 2, 3 * 1024 ** 4].map(shownBytes)).toEqual([
    "0 bytes",
    "1023 bytes",
    "1.5 KiB",
    "200 MiB",
    "3.0 TiB",
  ]);
  const times = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(latencyOf(times)).toEqual({ p50Ms: 100, p99Ms: 198 });
  expect(latencyOf([7])).toEqual({ p50Ms: 7, p99Ms: 7 });
});
