import type { ComponentChild } from "preact";
import { type Inline, parseInline } from "./inline.ts";

export function renderInline(source: string): ComponentChild[] {
  return parseInline(source).map(inlineElement);
}

function inlineElement(inline: Inline): ComponentChild {
  switch (inline.kind) {
    case "text":
      return inline.text;
    case "code":
      return <code>{inline.text}</code>;
    case "strong":
      return <strong>{inline.children.map(inlineElement)}</strong>;
    case "emphasis":
      return <em>{inline.children.map(inlineElement)}</em>;
    case "link":
      return (
        <a href={inline.href} title={inline.href} target="_blank" rel="noopener noreferrer nofollow">
          {inline.children.map(inlineElement)}
        </a>
      );
  }
}
