/** What the platform offers, looked up when a client is made and never before: importing this package does nothing. */
import type { Clock, Environment, EnvironmentEvent, Ports, Random, WebSocketConstructor } from "./ports.ts";

const ID_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
/** The largest multiple of 36 that a byte can hold: bytes from here on would favour some digits. */
const UNBIASED_BYTES = 252;

const CLOCK: Clock = {
  nowMs: () => Date.now(),
  setTimer: (delayMs, task) => {
    const handle = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

const RANDOM: Random = {
  fraction: () => Math.random(),
  id: (chars) => {
    let id = "";
    while (id.length < chars) {
      for (const byte of crypto.getRandomValues(new Uint8Array(chars))) {
        if (byte < UNBIASED_BYTES && id.length < chars) id += ID_DIGITS[byte % ID_DIGITS.length];
      }
    }
    return id;
  },
};

/** Which event of which object means what. A page that comes back from the page cache only says `pageshow`. */
const SOURCES: readonly [target: "window" | "document", type: string, event: EnvironmentEvent][] = [
  ["document", "visibilitychange", "visible"],
  ["window", "pageshow", "visible"],
  ["window", "online", "online"],
  ["window", "offline", "offline"],
];

const ENVIRONMENT: Environment = {
  listen: (listener) => {
    const scope = globalThis as { readonly window?: EventTarget; readonly document?: Document };
    const stops = SOURCES.map(([target, type, event]) => {
      const heard = () => {
        if (type !== "visibilitychange" || scope.document?.visibilityState === "visible") listener(event);
      };
      scope[target]?.addEventListener?.(type, heard);
      return () => scope[target]?.removeEventListener?.(type, heard);
    });
    return () => {
      for (const stop of stops) stop();
    };
  },
};

/** Not swallowed: it becomes the platform's uncaught error. */
function reportError(thrown: unknown): void {
  queueMicrotask(() => {
    throw thrown;
  });
}

export function platformPorts(replacements: Partial<Ports> = {}): Ports {
  const WebSocket = replacements.WebSocket ?? (globalThis.WebSocket as WebSocketConstructor | undefined);
  if (WebSocket === undefined) {
    throw new TypeError("No global WebSocket: pass ports.WebSocket");
  }
  return { clock: CLOCK, random: RANDOM, environment: ENVIRONMENT, reportError, ...replacements, WebSocket };
}
