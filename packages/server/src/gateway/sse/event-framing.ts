/**
 * How a message becomes a server-sent event. There is one framing for all: what it says of the place is the position of that one
 * record and the name of its channel. The id that a connection sends, which may speak of several channels, is made of it on the way
 * out (`event-ids.ts`).
 *
 *   id: POSITION "CHANNEL"
 *   data: {"type":"message","channel":"CHANNEL","position":"POSITION",...}
 */
import type { Framing } from "../../core/ports.ts";

export const eventFraming: Framing = {
  id: "sse",
  frame: (text) => Buffer.from(`${idLineOf(text)}${retryLineOf(text)}data: ${onOneLine(text)}\n\n`),
};

/** What says where a reader of the channel stands once it has read it: a record, a reset, a subscription that goes on. */
const PLACED =
  /^\{"type":"(?:message|chunk|skip|reset|execution_[a-z]+|(subscribed))","channel":("(?:[^"\\]|\\.)*")(?:,"reason":"[a-z_]+")?,"position":"([\w.-]+)"(,"recovered":true)?/;

function idLineOf(text: string): string {
  const [, isSubscribed, channelJson, position, isRecovered] = PLACED.exec(text) ?? [];
  if (position === undefined) return "";
  // The reset that follows has the place: whoever loses the connection in between has to be told of it again.
  if (isSubscribed !== undefined && isRecovered === undefined) return "";
  return `id: ${position} ${channelJson}\n`;
}

/** A server that drains says when to come back; a browser waits by itself for as long. */
function retryLineOf(text: string): string {
  const inMs = /^\{"type":"reconnect","in_ms":(\d+)/.exec(text)?.[1];
  return inMs === undefined ? "" : `retry: ${inMs}\n`;
}

/** Between the tokens of a JSON text a line end is nothing but white space; inside of its texts there is none. */
function onOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, " ") : text;
}
