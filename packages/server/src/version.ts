import { readFileSync } from "node:fs";

/** Version of this package; its description stands one folder up from sources and from what is built. */
export function packageVersion(): string {
  const description: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  const version = (description as { readonly version?: unknown }).version;
  return typeof version === "string" ? version : "unknown";
}
