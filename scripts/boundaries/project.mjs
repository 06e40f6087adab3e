import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { readSourceFile } from "./source-file.mjs";

const SOURCE_FOLDERS = ["packages", "conformance", "sim", "chaos", "e2e", "bench", "examples"];
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "coverage"]);

/** Reads every source file below `root`, with its imports resolved to paths relative to `root`. */
export function readProject(root) {
  const entries = readPackageEntries(root);
  const files = SOURCE_FOLDERS.flatMap((folder) => sourcePaths(root, folder)).map((path) => {
    const file = readSourceFile(join(root, path), path);
    const imports = file.imports.map((entry) => ({
      ...entry,
      target: resolveImport(root, entries, path, entry.specifier),
    }));
    return { ...file, imports };
  });
  return { files, peersOf: (folder) => peerNames(root, folder) };
}

/** `@tachikoma/server/x` to the source file behind that entry. */
function readPackageEntries(root) {
  const entries = new Map();
  const folder = join(root, "packages");
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const manifest = readManifest(root, `packages/${name}`);
    if (manifest === undefined) continue;
    for (const [entry, conditions] of Object.entries(manifest.exports ?? {})) {
      const source = typeof conditions === "string" ? conditions : (conditions.source ?? conditions.default);
      if (source !== undefined)
        entries.set(normalizeSlashes(join(manifest.name, entry)), `packages/${name}/${source.slice(2)}`);
    }
    // A deep import of a file that is not exported still belongs to the package.
    entries.set(`${manifest.name}/`, `packages/${name}/`);
  }
  return entries;
}

/** The path an import leads to; `undefined` for npm packages, built-in modules and imports that name nothing. */
function resolveImport(root, entries, fromPath, specifier) {
  if (specifier === undefined) return undefined;
  if (specifier.startsWith(".")) {
    const path = normalizeSlashes(normalize(join(dirname(fromPath), specifier)));
    return existsSync(join(root, path)) ? path : path.replace(/\.js$/, ".ts");
  }
  if (entries.has(specifier)) return entries.get(specifier);
  for (const [prefix, folder] of entries) {
    if (!prefix.endsWith("/")) continue;
    if (specifier.startsWith(prefix) || specifier === prefix.slice(0, -1))
      return folder + specifier.slice(prefix.length);
  }
  return undefined;
}

function sourcePaths(root, folder) {
  const absolute = join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute)
    .sort()
    .flatMap((name) => {
      const path = `${folder}/${name}`;
      if (statSync(join(root, path)).isDirectory())
        return SKIPPED_FOLDERS.has(name) ? [] : sourcePaths(root, path);
      return /\.(ts|tsx|mts)$/.test(name) && !name.endsWith(".d.ts") ? [path] : [];
    });
}

function peerNames(root, folder) {
  return Object.keys(readManifest(root, folder)?.peerDependencies ?? {});
}

function readManifest(root, folder) {
  const path = join(root, folder, "package.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}

function normalizeSlashes(path) {
  return path.replaceAll("\\", "/");
}
