// As much of Markdown as the checks need: fenced blocks, links and heading anchors.

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(.*)$/;
const INLINE_LINK = /!?\[(?:[^\][]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const LINK_DEFINITION = /^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s+"[^"]*")?\s*$/;
const EXPLICIT_ANCHOR = /<a\s+(?:id|name)="([^"]+)"/g;

/**
 * Lines count from 1.
 *
 * @typedef {{info: string, line: number, text: string}} Block
 * @typedef {{path: string, blocks: Block[], links: {target: string, line: number}[], anchors: Set<string>}} Page
 * @returns {Page}
 */
export function readMarkdown(text, path) {
  const page = { path, blocks: [], links: [], anchors: new Set() };
  const slugCounts = new Map();
  let block;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = FENCE.exec(line);
    if (block !== undefined) {
      const isEnd = fence?.[1].startsWith(block.fence) && fence[2] === "";
      if (isEnd) block = undefined;
      else block.lines.push(line);
      continue;
    }
    if (fence !== null) {
      block = { fence: fence[1], info: fence[2].trim(), line: index + 2, lines: [] };
      page.blocks.push(block);
      continue;
    }
    readTextLine(page, slugCounts, line, index + 1);
  }
  page.blocks = page.blocks.map(({ info, line, lines }) => ({ info, line, text: lines.join("\n") }));
  return page;
}

function readTextLine(page, slugCounts, line, lineNumber) {
  const heading = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/.exec(line);
  if (heading !== null) page.anchors.add(uniqueSlug(slugCounts, heading[1]));
  for (const match of line.matchAll(EXPLICIT_ANCHOR)) page.anchors.add(match[1]);
  const definition = LINK_DEFINITION.exec(line);
  if (definition !== null) page.links.push({ target: definition[1], line: lineNumber });
  const withoutCode = line.replace(/(`+)(?:(?!\1).)*\1/g, "code");
  for (const match of withoutCode.matchAll(INLINE_LINK))
    page.links.push({ target: match[1], line: lineNumber });
}

/** The anchor that GitHub gives a heading. */
export function slugOf(heading) {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/<[^>]*>/g, "")
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, "")
    .replaceAll(" ", "-");
}

function uniqueSlug(counts, heading) {
  const slug = slugOf(heading);
  const count = counts.get(slug) ?? 0;
  counts.set(slug, count + 1);
  return count === 0 ? slug : `${slug}-${count}`;
}
