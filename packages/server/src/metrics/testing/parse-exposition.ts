/** Reads the Prometheus text format strictly, so that a test can say what a scraper would see. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface ParsedExposition {
  readonly samples: readonly ParsedSample[];
  readonly help: ReadonlyMap<string, string>;
  readonly types: ReadonlyMap<string, string>;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/y;

export function parseExposition(text: string): ParsedExposition {
  if (!text.endsWith("\n")) throw new Error("The last line has no end");
  const samples: ParsedSample[] = [];
  const help = new Map<string, string>();
  const types = new Map<string, string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment === null) {
      samples.push(parseSample(line));
      continue;
    }
    const [, kind, name, rest] = comment;
    const target = kind === "HELP" ? help : types;
    if (target.has(name!)) throw new Error(`${kind} of ${name} comes twice`);
    target.set(name!, unescapeText(rest!));
  }
  return { samples, help, types };
}

function parseSample(line: string): ParsedSample {
  const match = SAMPLE.exec(line);
  if (match === null) throw new Error(`Not a sample: ${line}`);
  return { name: match[1]!, labels: parseLabels(match[2] ?? ""), value: parseValue(match[3]!) };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const start = LABEL.lastIndex;
    const match = LABEL.exec(text);
    if (match === null) throw new Error(`Not a label: ${text.slice(start)}`);
    labels[match[1]!] = unescapeText(match[2]!);
  }
  return labels;
}

function unescapeText(text: string): string {
  return text.replace(/\\(.)/g, (_escape, char: string) => (char === "n" ? "\n" : char));
}

function parseValue(text: string): number {
  if (text === "NaN") return Number.NaN;
  const value = Number(text.replace("Inf", "Infinity"));
  if (Number.isNaN(value)) throw new Error(`Not a number: ${text}`);
  return value;
}
