/** The built console, read once at start: a handful of files, served from memory. */
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, posix } from "node:path";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".json": "application/json; charset=utf-8",
  ".woff2": "font/woff2",
};

/** No inline script, nothing from elsewhere: what a model answers can do nothing but be shown. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

interface StaticFile {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();

  /** An absent folder serves nothing. */
  constructor(folder: string) {
    for (const path of filesUnder(folder)) {
      const urlPath = `/${path}`;
      const bytes = readFileSync(join(folder, path));
      this.#files.set(urlPath, { bytes, headers: headersOf(urlPath, bytes.length) });
    }
    const index = this.#files.get("/index.html");
    if (index !== undefined) this.#files.set("/", index);
  }

  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  /** False when there is no such file. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const file = this.#files.get(path);
    if (file === undefined) return false;
    response.writeHead(200, file.headers);
    response.end(request.method === "HEAD" ? undefined : file.bytes);
    return true;
  }
}

function headersOf(path: string, byteCount: number): Record<string, string> {
  // The build puts a hash into the names below /assets, so those never change.
  const isImmutable = path.startsWith("/assets/");
  return {
    "content-type": CONTENT_TYPES[extname(path)] ?? "application/octet-stream",
    "content-length": String(byteCount),
    "cache-control": isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
}

function filesUnder(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).replaceAll("\\", "/"))
      .map((path) => posix.normalize(path).replace(/^\/+/, ""));
  } catch {
    return [];
  }
}
