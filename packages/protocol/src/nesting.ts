const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Whether arrays and objects in a JSON text are nested in more than `maxLevels` levels. `JSON.parse` reads any depth, but
 * `JSON.stringify` and whoever walks the value run out of stack: so this is asked before the text is let in.
 */
export function isNestedDeeperThan(json: string, maxLevels: number): boolean {
  // Every level needs an opening and a closing character, so that a short text needs no look.
  if (json.length <= 2 * maxLevels) return false;
  let level = 0;
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) at = endOfString(json, at);
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      level += 1;
      if (level > maxLevels) return true;
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) level -= 1;
  }
  return false;
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) {
    at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return at;
}
