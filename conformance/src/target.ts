import type { Provisions } from "./requirements.ts";

/** The server under test, or the nodes that are one server together. */
export interface Target {
  /** `ws://` or `wss://` addresses that end in `/ws`. */
  readonly urls: readonly URL[];
  /** Connections of a case that does not choose its node itself go to all of them in turn. */
  readonly isSpread: boolean;
  /** Where the same server speaks HTTP, when that is not at the same host and port. */
  readonly httpBase: URL | undefined;
  readonly token: string | undefined;
  /** What a case connects with that does not care. @default WebSockets */
  readonly transport?: "websocket" | "events" | undefined;
  /** Namespace of channels in which everything is allowed. */
  readonly namespace: string;
  readonly provisions: Provisions;
  /** Time for each wait, in milliseconds. */
  readonly deadlineMs: number;
  /** In every name that the suite makes, so that two runs on one server do not meet. */
  readonly runId: string;
}

export function webSocketUrl(target: Target, node: number): URL {
  return new URL(target.urls[node] ?? target.urls[0]!);
}

/** The same place over HTTP. */
export function httpUrl(url: URL, { httpBase }: Target): URL {
  const copy = new URL(url);
  copy.protocol = url.protocol === "wss:" ? "https:" : "http:";
  if (httpBase === undefined) return copy;
  copy.protocol = httpBase.protocol;
  copy.host = httpBase.host;
  return copy;
}
