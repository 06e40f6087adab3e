/** What one look of the doctor came to, in plain language. */

export type FindingArea = "configuration" | "process" | "database";
export type FindingLevel = "ok" | "warning" | "problem";

export interface Finding {
  readonly area: FindingArea;
  /** Name of the check, for programs. */
  readonly check: string;
  readonly level: FindingLevel;
  /** One sentence without the full stop. Never a secret. */
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** The part that a check decides; its area and its name are its own. */
export type Judgement = Pick<Finding, "level" | "text" | "advice">;

export function ok(text: string): Judgement {
  return { level: "ok", text };
}

export function warning(text: string, advice: string): Judgement {
  return { level: "warning", text, advice };
}

export function problem(text: string, advice: string): Judgement {
  return { level: "problem", text, advice };
}

/** A number of bytes for people. */
export function shownBytes(byteCount: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let value = byteCount;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}
