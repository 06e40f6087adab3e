/**
 * Reads JSON that has not come to its end yet. One pass finds the longest prefix that becomes valid when its brackets are closed;
 * what cannot be known yet (half a key, half a number) lies after it. There is no recursion, so that depth costs no stack.
 */
interface Scan {
  /** End of the longest prefix that needs nothing but closing brackets. */
  readonly safeEnd: number;
  /** What closes the brackets that are open there, in order. */
  readonly closers: string;
  /** A value that the text ends in, completed; it follows the separators after `safeEnd`. */
  readonly openValue: { readonly start: number; readonly json: string } | undefined;
}

const LITERALS = ["true", "false", "null"];
const NUMBER_PREFIX = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/;
const DELIMITERS = ' \t\n\r,:[]{}"';

/** The value that the text stands for so far; `undefined` when there is none yet, or when the text is not JSON. */
export function parsePartialJson(text: string): unknown {
  const { safeEnd, closers, openValue } = scan(text);
  const kept =
    openValue === undefined ? text.slice(0, safeEnd) : text.slice(0, openValue.start) + openValue.json;
  try {
    return JSON.parse(kept + closers);
  } catch {
    return undefined;
  }
}

function scan(text: string): Scan {
  const closers: string[] = [];
  let safeEnd = 0;
  let isKeyNext = false;
  let openValue: Scan["openValue"];
  let at = 0;
  while (at < text.length) {
    const character = text[at]!;
    if (character === "{" || character === "[") {
      closers.push(character === "{" ? "}" : "]");
      isKeyNext = character === "{";
      at += 1;
      safeEnd = at;
    } else if (character === "}" || character === "]") {
      closers.pop();
      at += 1;
      safeEnd = at;
    } else if (character === '"') {
      const end = endOfString(text, at);
      if (!isKeyNext && end === undefined) openValue = { start: at, json: closedString(text.slice(at)) };
      at = end ?? text.length;
      if (!isKeyNext && end !== undefined) safeEnd = at;
    } else if (DELIMITERS.includes(character)) {
      if (character === ",") isKeyNext = closers.at(-1) === "}";
      if (character === ":") isKeyNext = false;
      at += 1;
    } else {
      const end = endOfAtom(text, at);
      const json = end === text.length ? closedAtom(text.slice(at)) : undefined;
      if (json !== undefined) openValue = { start: at, json };
      if (end < text.length) safeEnd = end;
      at = end;
    }
  }
  return { safeEnd, closers: closers.reverse().join(""), openValue };
}

/** Index after the closing quotation mark; `undefined` when it has not come yet. */
function endOfString(text: string, start: number): number | undefined {
  let at = start + 1;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') return at + 1;
    at += character === "\\" ? 2 : 1;
  }
  return undefined;
}

function endOfAtom(text: string, start: number): number {
  let at = start;
  while (at < text.length && !DELIMITERS.includes(text[at]!)) at += 1;
  return at;
}

function closedString(open: string): string {
  return `${open.slice(0, open.length - openEscapeLength(open))}"`;
}

/** Characters at the end that are an escape without its end: a lone backslash, or fewer than four digits after `\u`. */
function openEscapeLength(open: string): number {
  let at = 1;
  while (at < open.length) {
    if (open[at] !== "\\") {
      at += 1;
      continue;
    }
    const length = open[at + 1] === "u" ? 6 : 2;
    if (at + length > open.length) return open.length - at;
    at += length;
  }
  return 0;
}

function closedAtom(open: string): string | undefined {
  return LITERALS.find((literal) => literal.startsWith(open)) ?? NUMBER_PREFIX.exec(open)?.[0];
}
