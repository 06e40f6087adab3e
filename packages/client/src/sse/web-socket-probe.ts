/** Finds out whether a WebSocket gets through, without making a session with it. */
import type { Clock, WebSocketConstructor } from "../ports.ts";

const PROBE_TIMEOUT_MS = 10_000;
/** A server that knows what a probe is closes with this at once. */
const NORMAL_CLOSE_CODE = 1000;

/** The address of a probe: of nobody in particular, so that it takes nothing over even where it is not known for what it is. */
export function probeUrlOf(address: string): string {
  const url = new URL(address);
  for (const name of ["session_id", "client_id", "positions"]) url.searchParams.delete(name);
  url.searchParams.set("probe", "1");
  return url.href;
}

/** True when something that the server has sent, be it the close, arrived over a WebSocket. */
export function probeWebSocket(WebSocket: WebSocketConstructor, url: string, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    const timer = clock.setTimer(PROBE_TIMEOUT_MS, () => finish(false));
    const finish = (isThrough: boolean) => {
      timer.cancel();
      resolve(isThrough);
      socket.onclose = null;
      socket.onmessage = null;
      try {
        socket.close();
      } catch {
        // It is closed, or never was open.
      }
    };
    socket.onerror = () => {};
    socket.onmessage = () => finish(true);
    socket.onclose = ({ code }: { readonly code?: number }) => finish(code === NORMAL_CLOSE_CODE);
  });
}
