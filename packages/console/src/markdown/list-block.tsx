import type { ComponentChild, VNode } from "preact";
import type { ListItem } from "./blocks.ts";
import { renderInline } from "./inline-elements.tsx";

/** Items with a depth each, as nested lists. */
export function ListBlock({ items }: { readonly items: readonly ListItem[] }): VNode {
  return <>{listsOf(items, 0)}</>;
}

function listsOf(items: readonly ListItem[], depth: number): ComponentChild[] {
  const lists: ComponentChild[] = [];
  let start = 0;
  while (start < items.length) {
    const isOrdered = items[start]!.ordinal !== undefined;
    let end = start + 1;
    while (
      end < items.length &&
      (items[end]!.depth > depth || (items[end]!.ordinal !== undefined) === isOrdered)
    ) {
      end += 1;
    }
    lists.push(listOf(items.slice(start, end), depth));
    start = end;
  }
  return lists;
}

function listOf(items: readonly ListItem[], depth: number): VNode {
  const entries: VNode[] = [];
  let index = 0;
  while (index < items.length) {
    let end = index + 1;
    while (end < items.length && items[end]!.depth > depth) end += 1;
    entries.push(
      <li>
        {renderInline(items[index]!.text)}
        {listsOf(items.slice(index + 1, end), depth + 1)}
      </li>,
    );
    index = end;
  }
  const first = items[0]!.ordinal;
  return first === undefined ? <ul>{entries}</ul> : <ol start={first}>{entries}</ol>;
}
