import { usageFailure } from "./failure.ts";

/** The WebSocket address that a user means: `http://host:3000` is `ws://host:3000/ws`. */
export function webSocketUrl(text: string): string {
  const url = URL.parse(text);
  // What was typed may hold a key, so it is not repeated.
  if (url === null || !/^(ws|http)s?:$/.test(url.protocol) || url.hostname === "") {
    throw usageFailure("--url must be an address such as ws://127.0.0.1:3000/ws");
  }
  const scheme = url.protocol === "https:" || url.protocol === "wss:" ? "wss" : "ws";
  const path = url.pathname === "/" ? "/ws" : url.pathname;
  const credentials =
    url.username === "" ? "" : `${url.username}${url.password === "" ? "" : `:${url.password}`}@`;
  return `${scheme}://${credentials}${url.host}${path}${url.search}`;
}
