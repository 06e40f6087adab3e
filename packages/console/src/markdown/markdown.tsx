import { Component, type VNode } from "preact";
import { useRef } from "preact/hooks";
import { type Block, BlockStream } from "./blocks.ts";
import { CodeBlock } from "./code-block.tsx";
import { renderInline } from "./inline-elements.tsx";
import { ListBlock } from "./list-block.tsx";

/** By the level that the text says: an answer sits below the page's own headings. */
const HEADINGS = ["h3", "h3", "h4", "h5", "h6"] as const;

/** Text of a model as elements. It becomes text nodes and a fixed set of elements, never markup. */
export function Markdown({ text }: { readonly text: string }) {
  const stream = useRef<BlockStream>(null);
  stream.current ??= new BlockStream();
  const blocks = stream.current.update(text);
  return (
    <div class="markdown">
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} />
      ))}
    </div>
  );
}

/** Rendered again only when its block is another one: settled blocks of a growing answer keep their identity. */
class BlockView extends Component<{ readonly block: Block }> {
  override shouldComponentUpdate(next: { readonly block: Block }): boolean {
    return next.block !== this.props.block;
  }

  override render({ block }: { readonly block: Block }): VNode {
    return blockElement(block);
  }
}

export function blockElement(block: Block): VNode {
  switch (block.kind) {
    case "paragraph":
      return <p>{renderInline(block.text)}</p>;
    case "heading": {
      const Heading = HEADINGS[block.level] ?? "h6";
      return <Heading data-level={block.level}>{renderInline(block.text)}</Heading>;
    }
    case "code":
      return <CodeBlock language={block.language} text={block.text} />;
    case "list":
      return <ListBlock items={block.items} />;
    case "quote":
      return <blockquote>{renderInline(block.text)}</blockquote>;
    case "rule":
      return <hr />;
  }
}
