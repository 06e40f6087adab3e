/** An answer as a UI message stream: server-sent events, one chunk each. */
import { TachikomaError } from "@tachikoma/protocol";
import type { Answer } from "./answer.ts";

export const EVENT_STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-cache, no-store",
  "x-vercel-ai-ui-message-stream": "v1",
} as const;

export const EVENT_STREAM_KEEP_ALIVE = { text: ": keep-alive\n\n", everyMs: 15_000 } as const;

const DONE = "data: [DONE]\n\n";

/**
 * Ends in an orderly way only behind the chunk that ends the answer. Where what was sent turned out to be void it fails instead, so that
 * the client takes its connection for lost and reads the answer anew.
 *
 * @param signal aborted when the client is gone; the answer goes on without it
 * @param onEnd called once; true when the end of the answer was handed to the network
 */
export async function* eventStream(
  answer: Answer,
  signal: AbortSignal,
  onEnd: (isGiven: boolean) => void,
): AsyncGenerator<string, void, undefined> {
  const close = () => answer.close();
  if (signal.aborted) close();
  signal.addEventListener("abort", close, { once: true });
  let isOver = false;
  try {
    for await (const { chunks, state } of answer.steps()) {
      if (state === "void") throw new TachikomaError("EXECUTION_RESTARTED");
      const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join("");
      isOver = state === "over";
      yield isOver ? events + DONE : events;
    }
    if (!isOver && !signal.aborted) throw new TachikomaError("STORE_UNAVAILABLE", "The answer broke off");
  } finally {
    signal.removeEventListener("abort", close);
    close();
    onEnd(isOver && !signal.aborted);
  }
}
