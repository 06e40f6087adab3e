import type { ConnectionSettings } from "./connection/connection-state.ts";
import type { Ports } from "./ports.ts";

/** Keeps the session across page loads. `sessionStorage` behind two functions is the usual one; it is per tab. */
export interface SessionStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(value: string): void | Promise<void>;
}

export interface ConnectOptions {
  /** Sent with every connection attempt; a function is asked again each time. */
  readonly token?: string | (() => string | Promise<string>);
  /** Name of this device or process. @default what the server gives */
  readonly clientId?: string;
  /** Session to resume. */
  readonly sessionId?: string;
  readonly storage?: SessionStorage;
  /** Commands that wait for a connection; one more is refused. @default 256 */
  readonly maxQueuedCommands?: number;
  /**
   * What a connection may be made of. Where WebSockets do not get through, events and requests over HTTP (`sse`) take their place
   * until one does. @default both; only `websocket` where `ports` replaces it and not `fetch`
   */
  readonly transports?: readonly TransportName[];
  readonly heartbeat?: Partial<HeartbeatOptions>;
  readonly backOff?: Partial<BackOffOptions>;
  /** An attempt (token, socket, welcome) that takes longer is given up. @default 15_000 */
  readonly connectTimeoutMs?: number;
  /** Replacements for the platform, for tests and simulations. */
  readonly ports?: Partial<Ports>;
}

export type TransportName = "websocket" | "sse";

export interface HeartbeatOptions {
  /** The client pings when it has received nothing for this long. @default 35_000 (the server speaks every 30 s) */
  readonly idlePingAfterMs: number;
  /** The connection is dead when nothing comes within this time after a ping. @default 10_000 */
  readonly pongTimeoutMs: number;
}

export interface BackOffOptions {
  /** Upper bound of the first delay; it doubles with each attempt. The delay is random below it. @default 500 */
  readonly baseDelayMs: number;
  /** @default 30_000 */
  readonly maxDelayMs: number;
  /** A connection that held this long starts the count again. @default 60_000 */
  readonly stableAfterMs: number;
}

export const DEFAULT_MAX_QUEUED_COMMANDS = 256;

const HEARTBEAT: HeartbeatOptions = { idlePingAfterMs: 35_000, pongTimeoutMs: 10_000 };
const BACK_OFF: BackOffOptions = { baseDelayMs: 500, maxDelayMs: 30_000, stableAfterMs: 60_000 };
const CONNECT_TIMEOUT_MS = 15_000;

/** Fills in the defaults. Throws a RangeError for a number that is not one. */
export function connectionSettings(options: ConnectOptions): ConnectionSettings {
  const settings = {
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    heartbeat: { ...HEARTBEAT, ...options.heartbeat },
    backOff: { ...BACK_OFF, ...options.backOff },
  };
  const { connectTimeoutMs, heartbeat, backOff } = settings;
  for (const [name, value] of Object.entries({ connectTimeoutMs, ...heartbeat, ...backOff })) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY))
      throw new RangeError(`${name} is ${value}: it must be finite and more than 0`);
  }
  return settings;
}
