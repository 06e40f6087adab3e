import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BlockStream, parseBlocks } from "./blocks.ts";

describe("parseBlocks", () => {
  test("separates paragraphs at blank lines and keeps line breaks inside them", () => {
    expect(parseBlocks("one\ntwo\n\n\nthree")).toEqual([
      { kind: "paragraph", text: "one\ntwo" },
      { kind: "paragraph", text: "three" },
    ]);
  });

  test("reads a fence with its language and leaves its text alone", () => {
    expect(parseBlocks("see:\n```ts\nconst a = **1**;\n\n# no heading\n```\nafter")).toEqual([
      { kind: "paragraph", text: "see:" },
      { kind: "code", language: "ts", text: "const a = **1**;\n\n# no heading" },
      { kind: "paragraph", text: "after" },
    ]);
  });

  test("shows code that is still being written", () => {
    expect(parseBlocks("```\nhalf a li")).toEqual([{ kind: "code", language: "", text: "half a li" }]);
  });

  test("a longer fence may hold a shorter one", () => {
    expect(parseBlocks("````\n```\n````")).toEqual([{ kind: "code", language: "", text: "```" }]);
  });

  test("takes the indent of a fence inside a list off its lines", () => {
    expect(parseBlocks("1. run\n   ```sh\n   ls\n   ```\n2. look")).toEqual([
      { kind: "list", items: [{ depth: 0, ordinal: 1, text: "run" }] },
      { kind: "code", language: "sh", text: "ls" },
      { kind: "list", items: [{ depth: 0, ordinal: 2, text: "look" }] },
    ]);
  });

  test("nests list items by their indent and joins loose ones", () => {
    expect(parseBlocks("- a\n  - b\n    more b\n  - c\n\n- d\n\nend")).toEqual([
      {
        kind: "list",
        items: [
          { depth: 0, ordinal: undefined, text: "a" },
          { depth: 1, ordinal: undefined, text: "b\nmore b" },
          { depth: 1, ordinal: undefined, text: "c" },
          { depth: 0, ordinal: undefined, text: "d" },
        ],
      },
      { kind: "paragraph", text: "end" },
    ]);
  });

  test("knows headings, rules and quotes", () => {
    expect(parseBlocks("## Title ##\n---\n> said\n> so\n#hashtag")).toEqual([
      { kind: "heading", level: 2, text: "Title" },
      { kind: "rule" },
      { kind: "quote", text: "said\nso" },
      { kind: "paragraph", text: "#hashtag" },
    ]);
  });
});

describe("BlockStream", () => {
  const piece = fc.constantFrom(
    "a",
    " ",
    "\n",
    "\n\n",
    "```",
    "~~~",
    "- ",
    "1. ",
    "# ",
    "> ",
    "---",
    "*",
    "  ",
    "word ",
    "`",
    "2.",
    "#",
  );

  test("growing a text piece by piece ends where parsing the whole ends", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const stream = new BlockStream();
        let source = "";
        for (const next of pieces) {
          source += next;
          expect(stream.update(source)).toEqual(parseBlocks(source));
        }
      }),
      { numRuns: 400 },
    );
  });

  test("starts over when the text is another one", () => {
    const stream = new BlockStream();
    stream.update("one\n\ntwo\n\nthree\n\nfour");
    expect(stream.update("# other")).toEqual([{ kind: "heading", level: 1, text: "other" }]);
    expect(stream.update("")).toEqual([]);
  });

  test("keeps the identity of settled blocks, so that they are not rendered again", () => {
    const stream = new BlockStream();
    const before = stream.update("one\n\ntwo\n\nthree\n\nfo");
    const after = stream.update("one\n\ntwo\n\nthree\n\nfour");
    expect(after[0]).toBe(before[0]);
    expect(after[1]).toBe(before[1]);
  });
});
