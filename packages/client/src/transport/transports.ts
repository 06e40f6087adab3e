/**
 * Which way the next attempt takes: a WebSocket, or events and requests over HTTP where something on the way lets none through. That
 * other way is loaded when it is needed and not before.
 */
import type { ConnectOptions } from "../options.ts";
import type { Ports, WebSocketLike } from "../ports.ts";
import type { Fallback, FallbackHooks } from "../sse/fallback.ts";

/** WebSockets that may fail to open, one after the other, before the other way is tried. */
const MAX_TRIES = 3;

export interface Transports {
  /** What has to be waited for before the next attempt. */
  prepare(): Promise<void> | undefined;
  open(url: string): WebSocketLike;
}

export function createTransports(
  { transports, ports: { WebSocket, fetch } = {} }: ConnectOptions,
  ports: Ports,
  hooks: FallbackHooks,
): Transports {
  const maxTries = (transports?.includes("websocket") ?? true) ? MAX_TRIES : 0;
  // Where the network is another one, the platform's is not what is meant.
  const hasEvents = transports?.includes("sse") ?? (!WebSocket || fetch);
  let triesLeft = maxTries;
  let fallback: Fallback | undefined;
  return {
    prepare() {
      if (triesLeft > 0 || fallback || !hasEvents) return;
      return import("../sse/fallback.ts").then(
        (sse) => {
          fallback ??= new sse.Fallback(maxTries, ports, hooks);
        },
        // Without it the WebSocket is tried again, and this with it.
        () => {},
      );
    },
    open(url) {
      if (fallback) return fallback.open(url);
      const socket = new ports.WebSocket(url);
      triesLeft -= 1;
      socket.onopen = () => {
        triesLeft = maxTries;
      };
      return socket;
    },
  };
}
