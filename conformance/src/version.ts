import { readFileSync } from "node:fs";

/** From package.json, which stands beside `src` and beside `dist`. */
export const VERSION = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { readonly version?: unknown }).version);
}
