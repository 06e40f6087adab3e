/**
 * The rows of the tables in a Markdown text, as lists of cells, headings and rulers left out.
 *
 * @returns {string[][]}
 */
export function tableRows(text) {
  const lines = text.split("\n");
  return lines.flatMap((line, index) => {
    const isRow = line.startsWith("|") && !isRuler(line) && !isRuler(lines[index + 1] ?? "");
    return isRow ? [cellsOf(line)] : [];
  });
}

/** What stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`. */
export function markedPart(text, name) {
  const part = new RegExp(`<!-- ${name}:begin -->\\n([\\s\\S]*?)<!-- ${name}:end -->`).exec(text)?.[1];
  if (part === undefined) throw new Error(`The page has no part that is marked ${name}`);
  return part;
}

function isRuler(line) {
  return /^\|(?:\s*:?-+:?\s*\|)+\s*$/.test(line);
}

function cellsOf(line) {
  return line
    .replace(/^\||\|\s*$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}
