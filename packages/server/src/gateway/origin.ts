/**
 * Which web pages may talk to the server. A browser sends requests of any page to any address, this machine's own included, so
 * being on loopback protects nothing: pages of another origin have to be allowed by name.
 */
import type { IncomingMessage } from "node:http";

/** `undefined` when the request may go on; otherwise what is wrong. */
export function originFault(request: IncomingMessage, allowedOrigins: readonly string[]): string | undefined {
  const { origin, host } = request.headers;
  // Programs send none, and are not made to by a web page.
  if (origin === undefined) return undefined;
  if (allowedOrigins.includes("*") || allowedOrigins.includes(origin)) return undefined;
  if (host !== undefined && URL.parse(origin)?.host === host) return undefined;
  return `Origin ${JSON.stringify(origin.slice(0, 200))} is not allowed`;
}

/**
 * A server without authentication that listens on loopback answers to loopback names only: a page whose name was pointed at this
 * machine after it was loaded would otherwise count as the same origin.
 */
export function loopbackHostFault(request: IncomingMessage): string | undefined {
  const { host } = request.headers;
  if (host === undefined) return undefined;
  const name = URL.parse(`http://${host}`)?.hostname ?? "";
  if (name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127\./.test(name))
    return undefined;
  return `Host ${JSON.stringify(host.slice(0, 200))} is not this machine`;
}
