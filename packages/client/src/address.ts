const DEFAULT_PATH = "/ws";

export interface AddressParameters {
  readonly clientId: string | undefined;
  readonly sessionId: string | undefined;
  readonly token: string | undefined;
}

/** Reads what an application passes to `connect`. Throws a TypeError when it is no address of a server. */
export function parseAddress(text: string): URL {
  // A path alone means the server of this page.
  const page = (globalThis as { readonly location?: { readonly href: string } }).location?.href;
  const url = new URL(text, page);
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new TypeError(`The address of a server starts with ws: or wss:, this one with ${url.protocol}`);
  }
  if (url.pathname === "/") url.pathname = DEFAULT_PATH;
  url.hash = "";
  return url;
}

export function addressWith(base: URL, { clientId, sessionId, token }: AddressParameters): string {
  const url = new URL(base);
  if (clientId !== undefined) url.searchParams.set("client_id", clientId);
  if (sessionId !== undefined) {
    url.searchParams.set("session_id", sessionId);
    url.searchParams.set("positions", "client");
  }
  if (token !== undefined) url.searchParams.set("token", token);
  return url.href;
}
