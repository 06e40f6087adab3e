import { isJson } from "./stream-headers.ts";

const COMMA = Buffer.from(",");
const OPENING = Buffer.from("[");
const CLOSING = Buffer.from("]");

/** What was read as one body: the messages of a JSON stream as one array, all other content as it was sent. */
export function joinContents(contents: readonly Buffer[], contentType: string): Buffer {
  if (!isJson(contentType)) return Buffer.concat(contents);
  const parts = contents.flatMap((content, index) => (index === 0 ? [content] : [COMMA, content]));
  return Buffer.concat([OPENING, ...parts, CLOSING]);
}
