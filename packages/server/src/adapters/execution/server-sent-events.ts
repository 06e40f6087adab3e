/** The text of server-sent events whose data is JSON: it has no line end in it. */

export function sseData(data: unknown): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

/** @param name one of ours, never what a handler or a client said */
export function sseEvent(name: string, data: unknown): string {
  return `event: ${name}\n${sseData(data)}`;
}

export const SSE_HEADERS = { "content-type": "text/event-stream; charset=utf-8" } as const;

/** A comment, which every client of such streams passes over. */
export const SSE_KEEP_ALIVE = { text: ": keep-alive\n\n", everyMs: 15_000 } as const;
