/** Reads server-sent events (HTML Living Standard, section 9.2.6) out of pieces of text. */
export interface ServerEvent {
  /** @default "message" */
  readonly name: string;
  readonly data: string;
}

/** A comment: a sign of life. */
export const COMMENT = Symbol("comment");

/** Far beyond any message: who sends more than this without a line end is not speaking events. */
const MAX_LINE_CHARS = 64 * 1024 * 1024;

export class EventParser {
  #rest = "";
  #name = "";
  #data: string[] = [];

  /** @throws RangeError when a line has no end */
  push(text: string): (ServerEvent | typeof COMMENT)[] {
    const found: (ServerEvent | typeof COMMENT)[] = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > MAX_LINE_CHARS) throw new RangeError("A line of the stream has no end");
    for (const line of lines) {
      const event = this.#read(line.endsWith("\r") ? line.slice(0, -1) : line);
      if (event !== undefined) found.push(event);
    }
    return found;
  }

  #read(line: string): ServerEvent | typeof COMMENT | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return COMMENT;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const event = { name: this.#name || "message", data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#name = "";
    this.#data = [];
    return isEmpty ? undefined : event;
  }
}
