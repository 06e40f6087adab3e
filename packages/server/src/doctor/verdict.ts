import type { Finding } from "./finding.ts";

export interface Verdict {
  readonly isFit: boolean;
  readonly problemCount: number;
  readonly warningCount: number;
  /** The closing sentence. */
  readonly text: string;
}

export function verdictOn(findings: readonly Finding[]): Verdict {
  const problemCount = countOf(findings, "problem");
  const warningCount = countOf(findings, "warning");
  return {
    isFit: problemCount === 0,
    problemCount,
    warningCount,
    text: closingSentence(findings.length, problemCount, warningCount),
  };
}

function countOf(findings: readonly Finding[], level: Finding["level"]): number {
  return findings.filter((finding) => finding.level === level).length;
}

function closingSentence(checkCount: number, problemCount: number, warningCount: number): string {
  const warnings = warningCount === 1 ? "1 warning" : `${warningCount} warnings`;
  if (problemCount > 0) {
    const problems = problemCount === 1 ? "1 problem" : `${problemCount} problems`;
    const others = warningCount === 0 ? "" : ` and ${warnings}`;
    return `${problems}${others}: a server with these settings would not start, or not keep what it promises.`;
  }
  return warningCount === 0
    ? `All ${checkCount} checks are fine.`
    : `No problem and ${warnings}: a server would run. Look at ${warningCount === 1 ? "it" : "them"} before you rely on it.`;
}
