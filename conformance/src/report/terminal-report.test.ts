import { expect, test } from "vitest";
import { numberCases, section } from "../case.ts";
import type { CaseResult } from "../run.ts";
import { TerminalReport } from "./terminal-report.ts";

const cases = numberCases([
  ...section("One", (rule) => {
    rule("A-1", "first", async () => {});
    rule("A-1", "second", async () => {});
  }),
  ...section("Two", (rule) => rule("B-1", "third", async () => {})),
]);

function result(index: number, fields: Partial<CaseResult>): CaseResult {
  return {
    case: cases[index]!,
    status: "passed",
    durationMs: 5,
    reason: undefined,
    transcript: [],
    ...fields,
  };
}

function reported(isTty: boolean, results: readonly CaseResult[]): string {
  let text = "";
  const write = (piece: string) => {
    text += piece;
  };
  const output = { isTty, isColoured: false, columns: 80, write };
  const report = new TerminalReport(output, cases);
  for (const one of cases) report.started(one);
  for (const one of results) report.ended(one);
  report.summary(1_234);
  return text;
}

const RESULTS = [
  result(2, { status: "not_applicable", missing: "auth", reason: "needs auth: text" }),
  result(1, { status: "failed", reason: "expected this\nDEL-2: a jump", transcript: ["0 ms a > {}"] }),
  result(0, { durationMs: 2_500 }),
];

test("lines stand in the order of the cases, whatever ended first", () => {
  expect(reported(false, RESULTS)).toBe(`
One
  ✓ A-1.1    first (2.5 s)
  ✗ A-1.2    second
      expected this
      DEL-2: a jump
      0 ms a > {}

Two
  - B-1.1    third (not applicable: needs auth)

Not applicable for want of: auth (1)

Failed:
  A-1.2  second

1 passed, 1 failed, 1 not applicable (1 rules, 1.2 s)
`);
});

test("on a terminal the last line says what is under way, and goes away", () => {
  const text = reported(true, RESULTS);
  expect(text).toContain("0 of 3, running: A-1.1 A-1.2 B-1.1");
  expect(text).toContain("2 of 3, running: A-1.1");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what clears the line
  const shown = text.replace(/[^\n]*\r\u001b\[2K/g, "");
  expect(shown).toBe(reported(false, RESULTS));
});
