// Where a file belongs. The rules in `rules.mjs` speak of these layers only, never of single files.

const SERVER_FOLDERS = ["core", "stores", "gateway", "adapters", "executions", "config", "cli"];

/**
 * The layer of a path relative to the root. `stores/store.ts` and `executions/handler.ts` hold contracts, not
 * implementations, and have layers of their own.
 */
export function layerOf(path) {
  if (path === "packages/server/src/stores/store.ts") return "store-contract";
  if (path === "packages/server/src/executions/handler.ts") return "handler-contract";
  if (path.startsWith("packages/protocol/src/schema/")) return "protocol-schema";
  for (const name of ["protocol", "client", "console"]) {
    if (path.startsWith(`packages/${name}/`)) return name;
  }
  for (const folder of SERVER_FOLDERS) {
    if (path.startsWith(`packages/server/src/${folder}/`)) return folder;
  }
  if (path.startsWith("packages/server/")) return "server";
  return path.split("/")[0];
}

/** The package a path belongs to: one layer or several. */
export function packageOf(path) {
  const match = /^packages\/([^/]+)\//.exec(path);
  return match === null ? path.split("/")[0] : match[1];
}

/** Tests, and what is only there for tests. */
export function isTestFile(path) {
  return /\.(test|sim|bench)\.tsx?$/.test(path) || /(^|\/)(test|testing|fixtures)\//.test(path);
}
