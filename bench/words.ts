/** Tokens as a model makes them: short words with the space before them, about four and a half characters. */
const WORDS = [
  ...[
    " the",
    " of",
    " and",
    " to",
    " a",
    " in",
    " is",
    " that",
    " it",
    " for",
    " rain",
    " on",
    " with",
    " as",
  ],
  ...[
    " water",
    " cloud",
    " sky",
    " falls",
    " when",
    " air",
    " from",
    " by",
    " warm",
    " drops",
    " are",
    " form",
  ],
  ...[
    " into",
    " rises",
    " cools",
    " at",
    " land",
    " which",
    " sea",
    " or",
    " then",
    " back",
    " this",
    " cycle",
  ],
  ...[" until", " heavy", " grows", " small", " wind", " up", ".", ","],
] as const;
/** Scatters the numbers, so that no short pattern repeats. */
const SCATTER = 2_654_435_761;

/** Of the same number always the same. */
export function wordToken(index: number): string {
  return WORDS[(Math.imul(index + 1, SCATTER) >>> 8) % WORDS.length]!;
}

/** What the first tokens say together. */
export function wordText(count: number): string {
  return Array.from({ length: count }, (_, index) => wordToken(index)).join("");
}
