/**
 * The report for people: a line per case, by sections. Cases run side by side and end in any order; a line waits until those
 * before it have been written. On a terminal the last line says what is under way.
 */
import type { Case } from "../case.ts";
import type { CaseResult } from "../run.ts";
import { missingRequirements, summarize } from "./summary.ts";

export interface ReportOutput {
  readonly isTty: boolean;
  readonly isColoured: boolean;
  readonly columns: number;
  write(text: string): void;
}

const MARKS = { passed: "✓", failed: "✗", not_applicable: "-" } as const;
const COLOURS = { passed: 32, failed: 31, not_applicable: 33 } as const;
const SLOW_MS = 1_000;

export class TerminalReport {
  readonly #output: ReportOutput;
  readonly #cases: readonly Case[];
  readonly #results = new Map<Case, CaseResult>();
  readonly #running = new Set<Case>();
  #writtenCount = 0;
  #section: string | undefined;
  #hasStatusLine = false;

  constructor(output: ReportOutput, cases: readonly Case[]) {
    this.#output = output;
    this.#cases = cases;
  }

  started(one: Case): void {
    this.#running.add(one);
    this.#showStatus();
  }

  ended(result: CaseResult): void {
    this.#running.delete(result.case);
    this.#results.set(result.case, result);
    this.#hideStatus();
    for (;;) {
      const next = this.#cases[this.#writtenCount];
      const ready = next === undefined ? undefined : this.#results.get(next);
      if (ready === undefined) break;
      this.#writtenCount += 1;
      this.#writeResult(ready);
    }
    this.#showStatus();
  }

  summary(durationMs: number): void {
    this.#hideStatus();
    const results = [...this.#results.values()];
    const { passedCount, failedCount, notApplicableCount, ruleCount } = summarize(results);
    const missing = missingRequirements(results);
    if (missing.length > 0) {
      const names = missing.map(([name, count]) => `${name} (${count})`).join(", ");
      this.#line(`\nNot applicable for want of: ${this.#dim(names)}`);
    }
    const failed = results.filter(({ status }) => status === "failed");
    if (failed.length > 0) {
      this.#line("\nFailed:");
      for (const { case: one } of failed) this.#line(`  ${this.#paint(31, one.id)}  ${one.title}`);
    }
    const seconds = (durationMs / 1_000).toFixed(1);
    const counts = `${passedCount} passed, ${failedCount} failed, ${notApplicableCount} not applicable`;
    this.#line(`\n${this.#paint(failedCount > 0 ? 31 : 32, counts)} (${ruleCount} rules, ${seconds} s)`);
  }

  #writeResult({ case: one, status, missing, durationMs, reason, transcript }: CaseResult): void {
    if (this.#section !== one.section) this.#line(`\n${this.#paint(1, one.section)}`);
    this.#section = one.section;
    const took = durationMs >= SLOW_MS ? this.#dim(` (${(durationMs / 1_000).toFixed(1)} s)`) : "";
    const lack = missing === undefined ? reason : `needs ${missing}`;
    const why = status === "not_applicable" ? this.#dim(` (not applicable: ${lack})`) : "";
    this.#line(
      `  ${this.#paint(COLOURS[status], MARKS[status])} ${one.id.padEnd(8)} ${one.title}${took}${why}`,
    );
    if (status !== "failed") return;
    for (const line of (reason ?? "").split("\n")) this.#line(`      ${this.#paint(31, line)}`);
    for (const line of transcript) this.#line(`      ${this.#dim(line)}`);
  }

  #showStatus(): void {
    if (!this.#output.isTty || this.#running.size === 0) return;
    this.#hideStatus();
    const running = [...this.#running].map(({ id }) => id).join(" ");
    const text = `${this.#results.size} of ${this.#cases.length}, running: ${running}`;
    this.#output.write(this.#dim(text.slice(0, Math.max(20, this.#output.columns - 1))));
    this.#hasStatusLine = true;
  }

  #hideStatus(): void {
    if (this.#hasStatusLine) this.#output.write("\r\u001b[2K");
    this.#hasStatusLine = false;
  }

  #line(text: string): void {
    this.#output.write(`${text}\n`);
  }

  #dim(text: string): string {
    return this.#paint(2, text);
  }

  #paint(code: number, text: string): string {
    return this.#output.isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
