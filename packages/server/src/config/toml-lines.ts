/**
 * The line on which each key of a TOML document stands, so that a problem can point at it. The parser does not tell; this
 * reads only what carries keys (headers and `key =`) and is used on documents that the parser has accepted.
 */

const BARE_OR_QUOTED = /\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([\w-]+))\s*/y;

/** Line (from 1) by path; the parts of a path are joined by a line feed. */
export type TomlLines = ReadonlyMap<string, number>;

export function findTomlLines(toml: string): TomlLines {
  const lines = new Map<string, number>();
  let table: readonly string[] = [];
  let skipper = new ValueSkipper();
  for (const [index, line] of toml.split(/\r?\n/).entries()) {
    if (skipper.isOpen) {
      skipper.read(line);
      continue;
    }
    const header = /^\s*\[\[?/.exec(line);
    const key = readKey(line, header?.[0].length ?? 0);
    if (key === undefined) continue;
    if (header !== null) {
      table = key.path;
      remember(lines, table, index + 1);
      continue;
    }
    remember(lines, [...table, ...key.path], index + 1);
    skipper = new ValueSkipper();
    skipper.read(line.slice(key.end + 1));
  }
  return lines;
}

/** The line of the path, or of the nearest thing that encloses it. */
export function lineOfPath(lines: TomlLines, path: readonly string[]): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const line = lines.get(path.slice(0, length).join("\n"));
    if (line !== undefined) return line;
  }
  return undefined;
}

function remember(lines: Map<string, number>, path: readonly string[], line: number): void {
  for (let length = 1; length <= path.length; length++) {
    const key = path.slice(0, length).join("\n");
    if (!lines.has(key)) lines.set(key, line);
  }
}

function readKey(line: string, start: number): { path: string[]; end: number } | undefined {
  const path: string[] = [];
  let end = start;
  while (true) {
    BARE_OR_QUOTED.lastIndex = end;
    const match = BARE_OR_QUOTED.exec(line);
    if (match === null) return undefined;
    path.push(match[1] ?? match[2] ?? match[3] ?? "");
    end = BARE_OR_QUOTED.lastIndex;
    if (line[end] !== ".") break;
    end += 1;
  }
  return line[end] === "=" || line[end] === "]" ? { path, end } : undefined;
}

/** Follows a value over its lines: open brackets and multi-line strings, with strings and comments taken as such. */
class ValueSkipper {
  #depth = 0;
  #multilineQuote: '"""' | "'''" | undefined;

  get isOpen(): boolean {
    return this.#depth > 0 || this.#multilineQuote !== undefined;
  }

  read(line: string): void {
    let at = 0;
    while (at < line.length) at = this.#step(line, at);
  }

  #step(line: string, at: number): number {
    if (this.#multilineQuote !== undefined) return this.#insideMultiline(line, at, this.#multilineQuote);
    const three = line.slice(at, at + 3);
    if (three === '"""' || three === "'''") {
      this.#multilineQuote = three;
      return at + 3;
    }
    const character = line[at]!;
    if (character === "#") return line.length;
    if (character === '"' || character === "'") return endOfString(line, at, character);
    if (character === "[" || character === "{") this.#depth += 1;
    if (character === "]" || character === "}") this.#depth -= 1;
    return at + 1;
  }

  #insideMultiline(line: string, at: number, quote: '"""' | "'''"): number {
    if (quote === '"""' && line[at] === "\\") return at + 2;
    if (!line.startsWith(quote, at)) return at + 1;
    this.#multilineQuote = undefined;
    // Up to two quotes may stand directly before the closing three.
    let end = at + 3;
    while (line[end] === quote[0] && end < at + 5) end += 1;
    return end;
  }
}

function endOfString(line: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < line.length && line[at] !== quote) at += quote === '"' && line[at] === "\\" ? 2 : 1;
  return at + 1;
}
