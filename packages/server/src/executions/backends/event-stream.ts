/**
 * The bytes of a `text/event-stream`, read as they come (WHATWG HTML, section 9.2.6). Lines are found in the bytes and decoded
 * whole, so that a character cut in two by the network stays one character, and limits count real bytes.
 */
import { UpstreamError } from "./upstream-fault.ts";

export interface ServerSentEvent {
  /** The `event` field; `message` when there was none. */
  readonly name: string;
  readonly data: string;
}

/** @default 1 MiB */
export const MAX_EVENT_BYTES = 1024 * 1024;

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = "\uFEFF";

export class EventStreamParser {
  readonly #maxEventBytes: number;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** The line that has no end yet. */
  #line: Uint8Array[] = [];
  /** Bytes kept: of the unfinished line and of the fields of the unfinished event. */
  #lineBytes = 0;
  #fieldBytes = 0;
  #name = "";
  #data: string[] = [];
  #isFirstLine = true;
  /** The last byte ended a line with CR: a LF right after it belongs to the same end. */
  #isAfterCarriageReturn = false;

  constructor(maxEventBytes: number = MAX_EVENT_BYTES) {
    this.#maxEventBytes = maxEventBytes;
  }

  /** The events that these bytes complete. An event that never gets its blank line is never seen, as the standard has it. */
  push(bytes: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let lineStart = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at];
      const isSecondHalf = this.#isAfterCarriageReturn && byte === LINE_FEED;
      this.#isAfterCarriageReturn = byte === CARRIAGE_RETURN;
      if (isSecondHalf) {
        lineStart = at + 1;
        continue;
      }
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) continue;
      this.#keep(bytes.subarray(lineStart, at));
      lineStart = at + 1;
      const event = this.#endLine();
      if (event !== undefined) events.push(event);
    }
    this.#keep(bytes.subarray(lineStart));
    return events;
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#lineBytes += bytes.length;
    if (this.#lineBytes + this.#fieldBytes > this.#maxEventBytes) {
      throw new UpstreamError({
        kind: "invalid",
        detail: `an event is larger than ${this.#maxEventBytes} bytes`,
      });
    }
    this.#line.push(bytes);
  }

  #endLine(): ServerSentEvent | undefined {
    const line = this.#takeLine();
    if (line === "") return this.#dispatch();
    const colonAt = line.indexOf(":");
    if (colonAt === 0) return undefined;
    const field = colonAt < 0 ? line : line.slice(0, colonAt);
    const value = colonAt < 0 ? "" : line.slice(line[colonAt + 1] === " " ? colonAt + 2 : colonAt + 1);
    this.#accept(field, value);
    return undefined;
  }

  #takeLine(): string {
    const pieces = this.#line;
    const text = this.#decoder.decode(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
    this.#line = [];
    this.#lineBytes = 0;
    const isFirstLine = this.#isFirstLine;
    this.#isFirstLine = false;
    return isFirstLine && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
  }

  #accept(field: string, value: string): void {
    if (field === "data") {
      this.#data.push(value);
      // One more for the line feed that joins it: many empty lines must count too.
      this.#fieldBytes += Buffer.byteLength(value) + 1;
    } else if (field === "event") {
      this.#fieldBytes += Buffer.byteLength(value) - Buffer.byteLength(this.#name);
      this.#name = value;
    }
  }

  #dispatch(): ServerSentEvent | undefined {
    const name = this.#name === "" ? "message" : this.#name;
    const data = this.#data;
    this.#name = "";
    this.#data = [];
    this.#fieldBytes = 0;
    return data.length === 0 ? undefined : { name, data: data.join("\n") };
  }
}
