/**
 * Markdown in the small form that models write: paragraphs, headings, fenced code, nested lists, quotes, rules. What is not
 * recognised stays as the text it is.
 *
 * While an answer grows, only its last two blocks can still change: the last line may turn out to continue the block before it.
 * `BlockStream` keeps the rest, so that a frame of a long answer costs what its tail costs.
 */
export type Block =
  | { readonly kind: "paragraph"; readonly text: string }
  | { readonly kind: "heading"; readonly level: number; readonly text: string }
  | { readonly kind: "code"; readonly language: string; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly ListItem[] }
  | { readonly kind: "quote"; readonly text: string }
  | { readonly kind: "rule" };

export interface ListItem {
  readonly depth: number;
  /** The number of an ordered item; `undefined` for a bullet. */
  readonly ordinal: number | undefined;
  readonly text: string;
}

interface Parsed {
  readonly block: Block;
  readonly startLine: number;
}

const FENCE = /^\s{0,12}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^(#{1,6})\s+(.*?)(?:\s+#+)?$/;
const RULE = /^\s{0,3}(?:-\s*-\s*-[-\s]*|\*\s*\*\s*\*[*\s]*|_\s*_\s*_[_\s]*)$/;
const ITEM = /^(\s{0,16})(?:[-*+]|(\d{1,9})[.)])\s+(\S.*)$/;
const QUOTE = /^\s{0,3}> ?(.*)$/;
const MAX_LIST_DEPTH = 5;
const OPEN_BLOCKS = 2;

export function parseBlocks(source: string): readonly Block[] {
  return parseLines(source.split("\n")).map((parsed) => parsed.block);
}

/** Parses a text that grows at its end. A text that is not a continuation of the last one starts it over. */
export class BlockStream {
  #source = "";
  #settled: Block[] = [];
  #settledChars = 0;
  #open: readonly Block[] = [];

  update(source: string): readonly Block[] {
    const isContinuation = source.length >= this.#source.length && source.startsWith(this.#source);
    if (!isContinuation) {
      this.#settled = [];
      this.#settledChars = 0;
    } else if (source.length === this.#source.length && this.#source !== "") {
      return [...this.#settled, ...this.#open];
    }
    this.#source = source;
    const lines = source.slice(this.#settledChars).split("\n");
    const parsed = parseLines(lines);
    const newlySettled = Math.max(parsed.length - OPEN_BLOCKS, 0);
    const firstOpenLine = parsed[newlySettled]?.startLine ?? 0;
    this.#settled.push(...parsed.slice(0, newlySettled).map((entry) => entry.block));
    for (let line = 0; line < firstOpenLine; line += 1) this.#settledChars += lines[line]!.length + 1;
    this.#open = parsed.slice(newlySettled).map((entry) => entry.block);
    return [...this.#settled, ...this.#open];
  }
}

function parseLines(lines: readonly string[]): readonly Parsed[] {
  const parsed: Parsed[] = [];
  let line = 0;
  while (line < lines.length) {
    if (isBlank(lines[line]!)) {
      line += 1;
      continue;
    }
    const { block, nextLine } = blockAt(lines, line);
    parsed.push({ block, startLine: line });
    line = nextLine;
  }
  return parsed;
}

interface BlockAt {
  readonly block: Block;
  readonly nextLine: number;
}

function blockAt(lines: readonly string[], start: number): BlockAt {
  const first = lines[start]!;
  const fence = FENCE.exec(first);
  if (fence !== null) return codeAt(lines, start, fence[1]!, fence[2]!);
  const heading = HEADING.exec(first);
  if (heading !== null) {
    return {
      block: { kind: "heading", level: heading[1]!.length, text: heading[2]! },
      nextLine: start + 1,
    };
  }
  if (RULE.test(first)) return { block: { kind: "rule" }, nextLine: start + 1 };
  if (ITEM.test(first)) return listAt(lines, start);
  if (QUOTE.test(first)) return quoteAt(lines, start);
  return paragraphAt(lines, start);
}

/** A fence that is not closed yet runs to the end: that is how an answer looks while its code is being written. */
function codeAt(lines: readonly string[], start: number, mark: string, language: string): BlockAt {
  const indent = lines[start]!.length - lines[start]!.trimStart().length;
  const body: string[] = [];
  let line = start + 1;
  while (line < lines.length) {
    const text = lines[line]!.trim();
    if (text.length >= mark.length && text === mark[0]!.repeat(text.length)) break;
    body.push(withoutIndent(lines[line]!, indent));
    line += 1;
  }
  return { block: { kind: "code", language, text: body.join("\n") }, nextLine: line + 1 };
}

function listAt(lines: readonly string[], start: number): BlockAt {
  const items: ListItem[] = [];
  const indents: number[] = [];
  let line = start;
  while (line < lines.length) {
    const text = lines[line]!;
    const item = RULE.test(text) ? null : ITEM.exec(text);
    if (item !== null) {
      items.push({
        depth: depthOf(indents, item[1]!.length),
        ordinal: item[2] === undefined ? undefined : Number(item[2]),
        text: item[3]!,
      });
    } else if (isBlank(text)) {
      if (!continuesList(lines[line + 1])) break;
    } else if (startsBlock(text) || (isBlank(lines[line - 1]!) && !text.startsWith("  "))) {
      break;
    } else {
      const last = items.pop()!;
      items.push({ ...last, text: `${last.text}\n${text.trim()}` });
    }
    line += 1;
  }
  return { block: { kind: "list", items }, nextLine: line };
}

/** Depth of an item from the indents of those it is nested in; the list of open indents is kept up to date. */
function depthOf(openIndents: number[], indent: number): number {
  while (openIndents.length > 0 && openIndents.at(-1)! > indent) openIndents.pop();
  const isNested = openIndents.length === 0 || indent >= openIndents.at(-1)! + 2;
  if (isNested && openIndents.length < MAX_LIST_DEPTH) openIndents.push(indent);
  return openIndents.length - 1;
}

function continuesList(next: string | undefined): boolean {
  if (next === undefined || isBlank(next) || FENCE.test(next)) return false;
  return (ITEM.test(next) && !RULE.test(next)) || next.startsWith("  ");
}

function quoteAt(lines: readonly string[], start: number): BlockAt {
  const body: string[] = [];
  let line = start;
  for (; line < lines.length; line += 1) {
    const quoted = QUOTE.exec(lines[line]!);
    if (quoted === null) break;
    body.push(quoted[1]!);
  }
  return { block: { kind: "quote", text: body.join("\n") }, nextLine: line };
}

function paragraphAt(lines: readonly string[], start: number): BlockAt {
  let line = start + 1;
  while (line < lines.length && !isBlank(lines[line]!) && !startsBlock(lines[line]!)) line += 1;
  return { block: { kind: "paragraph", text: lines.slice(start, line).join("\n") }, nextLine: line };
}

function startsBlock(text: string): boolean {
  return FENCE.test(text) || HEADING.test(text) || RULE.test(text) || ITEM.test(text) || QUOTE.test(text);
}

function withoutIndent(text: string, indent: number): string {
  const present = text.length - text.trimStart().length;
  return text.slice(Math.min(indent, present));
}

function isBlank(text: string): boolean {
  return text.trim() === "";
}
