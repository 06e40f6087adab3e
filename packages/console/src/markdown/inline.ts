/**
 * The marks inside a line: bold, emphasis, code, links. One pass, no regular expressions over the text, and only the first
 * candidate for a closing mark is looked at, so that hostile text costs no more than any other.
 */
export type Inline =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "strong"; readonly children: readonly Inline[] }
  | { readonly kind: "emphasis"; readonly children: readonly Inline[] }
  | { readonly kind: "link"; readonly href: string; readonly children: readonly Inline[] };

interface Match {
  readonly inline: Inline;
  readonly end: number;
}

const MAX_DEPTH = 4;
const SPECIAL = new Set(["`", "*", "_", "[", "\\"]);
const ESCAPABLE = /[\\`*_[\](){}#+\-.!|<>~]/;
const WORD = /[\p{L}\p{N}]/u;

export function parseInline(source: string, depth = 0): readonly Inline[] {
  const closings = new ClosingMarks(source);
  const inlines: Inline[] = [];
  let plain = "";
  let index = 0;
  while (index < source.length) {
    const character = source[index]!;
    if (!SPECIAL.has(character) || depth >= MAX_DEPTH) {
      plain += character;
      index += 1;
      continue;
    }
    if (character === "\\" && ESCAPABLE.test(source[index + 1] ?? "")) {
      plain += source[index + 1];
      index += 2;
      continue;
    }
    const match = matchAt(source, index, closings, depth);
    if (match === undefined) {
      const run = runLength(source, index, character);
      plain += source.slice(index, index + run);
      index += run;
      continue;
    }
    if (plain !== "") inlines.push({ kind: "text", text: plain });
    plain = "";
    inlines.push(match.inline);
    index = match.end;
  }
  if (plain !== "") inlines.push({ kind: "text", text: plain });
  return inlines;
}

function matchAt(source: string, index: number, closings: ClosingMarks, depth: number): Match | undefined {
  switch (source[index]) {
    case "`":
      return matchCode(source, index, closings);
    case "[":
      return matchLink(source, index, closings, depth);
    case "*":
    case "_":
      return matchStress(source, index, closings, depth);
    default:
      return undefined;
  }
}

function matchCode(source: string, index: number, closings: ClosingMarks): Match | undefined {
  const mark = "`".repeat(runLength(source, index, "`"));
  if (mark.length > 3) return undefined;
  const start = index + mark.length;
  const close = closings.next(mark, start);
  if (close === -1) return undefined;
  const text = source.slice(start, close);
  const isPadded = text.length > 2 && text.startsWith(" ") && text.endsWith(" ");
  return {
    inline: { kind: "code", text: isPadded ? text.slice(1, -1) : text },
    end: close + mark.length,
  };
}

function matchStress(
  source: string,
  index: number,
  closings: ClosingMarks,
  depth: number,
): Match | undefined {
  const character = source[index]!;
  const mark = character.repeat(runLength(source, index, character));
  if (mark.length > 3) return undefined;
  const start = index + mark.length;
  let close = closings.next(mark, start);
  // `**bold *both***`: the first star of the run closes what is inside.
  if (mark.length === 2 && close !== -1 && runLength(source, close, character) === 3) close += 1;
  if (close <= start || isSpace(source[start]) || isSpace(source[close - 1])) return undefined;
  const end = close + mark.length;
  // snake_case_names are not emphasis.
  if (character === "_" && (isWord(source[index - 1]) || isWord(source[end]))) return undefined;
  const children = parseInline(source.slice(start, close), depth + 1);
  if (mark.length === 1) return { inline: { kind: "emphasis", children }, end };
  if (mark.length === 2) return { inline: { kind: "strong", children }, end };
  return { inline: { kind: "strong", children: [{ kind: "emphasis", children }] }, end };
}

function matchLink(source: string, index: number, closings: ClosingMarks, depth: number): Match | undefined {
  const middle = closings.next("](", index + 1);
  if (middle === -1) return undefined;
  const close = closings.next(")", middle + 2);
  if (close === -1) return undefined;
  const label = source.slice(index + 1, middle);
  const href = safeHref(source.slice(middle + 2, close));
  if (href === undefined || label === "" || label.includes("[")) return undefined;
  return { inline: { kind: "link", href, children: parseInline(label, depth + 1) }, end: close + 1 };
}

/** The address when it is one that may be followed from a model's text: http, https or mailto, and nothing relative. */
export function safeHref(text: string): string | undefined {
  if (text.length > 2048) return undefined;
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch {
    return undefined;
  }
  return url.protocol === "https:" || url.protocol === "http:" || url.protocol === "mailto:"
    ? url.href
    : undefined;
}

/** Where each mark occurs next. The answer holds for every start before it, which keeps the whole pass linear. */
class ClosingMarks {
  readonly #source: string;
  readonly #nextByMark = new Map<string, number>();

  constructor(source: string) {
    this.#source = source;
  }

  next(mark: string, from: number): number {
    const known = this.#nextByMark.get(mark);
    if (known !== undefined && (known === -1 || known >= from)) return known;
    const found = this.#source.indexOf(mark, from);
    this.#nextByMark.set(mark, found);
    return found;
  }
}

function runLength(source: string, index: number, character: string): number {
  let end = index;
  while (source[end] === character) end += 1;
  return Math.max(end - index, 1);
}

function isSpace(character: string | undefined): boolean {
  return character === undefined || character.trim() === "";
}

function isWord(character: string | undefined): boolean {
  return character !== undefined && WORD.test(character);
}
