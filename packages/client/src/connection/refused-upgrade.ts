import type { WebSocketLike } from "../ports.ts";

interface Refusal {
  readonly headers: Readonly<Record<string, unknown>>;
}

/**
 * Reads from a refused upgrade when to come back. Neither browsers nor Node itself show the answer; the WebSocket of `ws` does, to
 * whoever ends the attempt in its place.
 */
export function onRetryAfter(
  socket: WebSocketLike & { on?: unknown; terminate?: unknown },
  listener: (retryAfterMs: number) => void,
): void {
  if (typeof socket.on !== "function" || typeof socket.terminate !== "function") return;
  const terminate = socket.terminate.bind(socket);
  socket.on("unexpected-response", (_request: unknown, { headers }: Refusal) => {
    // The other form of the header, a date, is none that our server sends.
    listener(Number(headers["retry-after"]) * 1_000 || 0);
    terminate();
  });
}
