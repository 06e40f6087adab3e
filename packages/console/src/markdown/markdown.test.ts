import { type ComponentChild, isValidElement, type VNode } from "preact";
import { describe, expect, test } from "vitest";
import { parseBlocks } from "./blocks.ts";
import { ListBlock } from "./list-block.tsx";
import { blockElement } from "./markdown.tsx";

const ALLOWED_ELEMENTS = new Set([
  "p",
  "h3",
  "h4",
  "h5",
  "h6",
  "code",
  "strong",
  "em",
  "a",
  "ul",
  "ol",
  "li",
  "blockquote",
  "hr",
  "pre",
  "figure",
  "figcaption",
]);
const ALLOWED_PROPS = new Set([
  "children",
  "class",
  "data-level",
  "href",
  "title",
  "target",
  "rel",
  "start",
  "language",
  "text",
  "items",
]);

interface Seen {
  readonly elements: VNode[];
  text: string;
}

/** Walks what would be mounted: elements with their props, and the text that becomes text nodes. */
function walk(node: ComponentChild, seen: Seen = { elements: [], text: "" }): Seen {
  if (Array.isArray(node)) {
    for (const child of node) walk(child, seen);
  } else if (isValidElement(node)) {
    const props = node.props as Record<string, unknown>;
    if (typeof node.type === "string") seen.elements.push(node as VNode);
    if (node.type === ListBlock) walk(ListBlock(props as Parameters<typeof ListBlock>[0]), seen);
    else if (typeof props["text"] === "string") seen.text += props["text"];
    else walk(props["children"] as ComponentChild, seen);
    expect(Object.keys(props).filter((name) => !ALLOWED_PROPS.has(name))).toEqual([]);
  } else if (typeof node === "string") {
    seen.text += node;
  }
  return seen;
}

const HOSTILE = [
  "<script>alert(1)</script>",
  '<img src=x onerror="alert(1)">',
  "<svg/onload=alert(1)>",
  "[click](javascript:alert`1`)",
  "[click](data:text/html;base64,PHNjcmlwdD4=)",
  '[x](https://example.com/"onmouseover="alert`1`)',
  "![x](https://example.com/track.png)",
  "- <iframe src=javascript:alert(1)>",
  "> <style>*{display:none}</style>",
  "# <a href=javascript:alert(1)>x</a>",
  "**<b onclick=alert(1)>**",
  "```html\n<script>alert(1)</script>\n```",
  '```"><script>alert(1)</script>\ncode\n```',
  "&lt;script&gt; &#x6a;avascript:",
  "__proto__ constructor [x](https://example.com)",
];

describe("markdown elements", () => {
  test.each(HOSTILE)("%j becomes text and known elements only", (source) => {
    for (const block of parseBlocks(source)) {
      for (const element of walk(blockElement(block)).elements) {
        expect(ALLOWED_ELEMENTS).toContain(element.type);
        const href = (element.props as Record<string, unknown>)["href"];
        if (href !== undefined) expect(String(href)).toMatch(/^(https?:\/\/|mailto:)/);
      }
    }
  });

  test("tags stay readable as the text they are", () => {
    const [block] = parseBlocks("<b>bold?</b> <script>alert(1)</script>");
    expect(walk(blockElement(block!)).text).toBe("<b>bold?</b> <script>alert(1)</script>");
  });

  test("lists nest and ordered lists keep their first number", () => {
    const [block] = parseBlocks("3. a\n   - b\n4. c");
    const { elements, text } = walk(blockElement(block!));
    expect(elements.map((element) => element.type)).toEqual(["ol", "li", "ul", "li", "li"]);
    expect((elements[0]!.props as unknown as { start: number }).start).toBe(3);
    expect(text).toBe("abc");
  });
});
