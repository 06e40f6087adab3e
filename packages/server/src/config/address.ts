import { isIP } from "node:net";

/** True for addresses that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (bare.toLowerCase() === "localhost" || bare === "::1") return true;
  return isIP(bare) === 4 && bare.startsWith("127.");
}

export function httpUrlFault(text: string): string | undefined {
  const url = URL.parse(text);
  const isHttp =
    url !== null && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "";
  return isHttp ? undefined : "must be a URL that starts with http:// or https://";
}

export function originFault(text: string): string | undefined {
  const url = URL.parse(text);
  const isExact =
    url !== null && url.origin === text && (url.protocol === "http:" || url.protocol === "https:");
  return isExact
    ? undefined
    : 'must be exact origins without a path or a final slash, as in "https://app.example.com" or "http://localhost:5173"';
}
