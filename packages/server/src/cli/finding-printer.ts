import type { Finding, FindingArea, FindingLevel, Verdict } from "../standalone/doctor.ts";
import type { Style } from "./style.ts";
import type { Output } from "./terminal.ts";

const TITLES: Readonly<Record<FindingArea, string>> = {
  configuration: "Configuration",
  process: "Process",
  database: "Database",
};

const LABEL_CHARS = 9;

/** One line for each finding, under the title of its area, and one for what to do. */
export class FindingPrinter {
  readonly #out: Output;
  #area: FindingArea | undefined;

  constructor(out: Output) {
    this.#out = out;
  }

  print({ area, level, text, advice }: Finding): void {
    const { style } = this.#out;
    if (area !== this.#area) {
      this.#out.write(`${this.#area === undefined ? "" : "\n"}${style.bold(TITLES[area])}\n`);
      this.#area = area;
    }
    this.#out.writeForeign(`  ${dressed(level, style)}${text}\n`);
    if (advice !== undefined)
      this.#out.writeForeign(`  ${" ".repeat(LABEL_CHARS)}${style.dim(`-> ${advice}`)}\n`);
  }

  close({ isFit, warningCount, text }: Verdict): void {
    const { style } = this.#out;
    const colour = isFit ? (warningCount === 0 ? style.green : style.yellow) : style.red;
    this.#out.write(`\n${colour(text)}\n`);
  }
}

function dressed(level: FindingLevel, style: Style): string {
  const label = level.padEnd(LABEL_CHARS);
  switch (level) {
    case "ok":
      return style.green(label);
    case "warning":
      return style.yellow(label);
    case "problem":
      return style.red(label);
  }
}

export function findingJson({ area, check, level, text, advice }: Finding): object {
  return { area, check, level, text, ...(advice === undefined ? {} : { advice }) };
}
