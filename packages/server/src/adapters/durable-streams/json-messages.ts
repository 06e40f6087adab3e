/** Takes JSON apart without changing a character of it: numbers keep their digits, texts their escapes. */
import { isNestedDeeperThan, MAX_NESTING_LEVELS } from "@tachikoma/protocol";
import { badRequest } from "./stream-fault.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** The messages of a body: its elements where it is an array, itself otherwise. @throws StreamFault 400 */
export function messagesOf(text: string): string[] {
  if (isNestedDeeperThan(text, MAX_NESTING_LEVELS)) {
    throw badRequest(`The body is nested deeper than ${MAX_NESTING_LEVELS} levels`);
  }
  try {
    JSON.parse(text);
  } catch {
    throw badRequest("The body is not JSON");
  }
  const trimmed = text.trim();
  return trimmed.startsWith("[") ? elementsOf(trimmed) : [trimmed];
}

/** The elements of the text of a valid array. */
export function elementsOf(array: string): string[] {
  const elements: string[] = [];
  let start = 1;
  while (start < array.length) {
    const end = endOfElement(array, start);
    const element = array.slice(start, end).trim();
    if (element !== "") elements.push(element);
    start = end + 1;
  }
  return elements;
}

/** Where the element that starts here is followed by a comma, or by the end of the array. */
export function endOfElement(array: string, start: number): number {
  let depth = 0;
  for (let at = start; at < array.length; at += 1) {
    const code = array.charCodeAt(at);
    if (code === QUOTE) at = endOfText(array, at);
    else if (OPENING.has(code)) depth += 1;
    else if (CLOSING.has(code)) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (code === COMMA && depth === 0) return at;
  }
  return array.length;
}

/** Index of the quote that ends the text which begins here. */
function endOfText(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charCodeAt(at) !== QUOTE) at += json.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}
