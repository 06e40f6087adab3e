/** Server-sent events of the protocol: `data` with content, and after each of them `control` with the place it leads to. */
import { joinContents } from "./page-body.ts";
import { isTextual } from "./stream-headers.ts";

export interface Control {
  readonly streamNextOffset: string;
  readonly streamCursor?: string;
  readonly upToDate?: true;
  readonly streamClosed?: true;
}

export function controlEvent(control: Control): string {
  return `event: control\ndata:${JSON.stringify(control)}\n\n`;
}

export function dataEvent(contents: readonly Buffer[], contentType: string): string {
  const bytes = joinContents(contents, contentType);
  const text = bytes.toString(isTextual(contentType) ? "utf8" : "base64");
  // Whatever ends a line in one of these ends no event: each line of the content is a line of the event.
  const lines = text.split(/\r\n|\r|\n/).map((line) => `data:${escaped(line)}\n`);
  return `event: data\n${lines.join("")}\n`;
}

/** A reader takes away one space after the colon. */
function escaped(line: string): string {
  return line.startsWith(" ") ? ` ${line}` : line;
}
