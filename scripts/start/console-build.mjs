import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";

/** What the built console depends on, relative to the root. */
const SOURCES = [
  "packages/console/src",
  "packages/console/index.html",
  "packages/console/public",
  "packages/console/vite.config.ts",
  "packages/console/package.json",
  "packages/client/src",
  "packages/protocol/src",
];

/** Builds `packages/console/dist` when it is missing or older than what it is made from. Throws what went wrong. */
export function buildConsoleIfStale(root, say) {
  if (!isStale(root)) return;
  const startedMs = Date.now();
  say("Building the web console ...");
  const consoleFolder = join(root, "packages", "console");
  // Built beside and moved into place: a second start, or a server that is running, never sees half a console.
  const newFolder = join(root, "node_modules", `.tachikoma-console-${process.pid}`);
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const argv = [vite, "build", "--outDir", newFolder, "--emptyOutDir", "--logLevel", "warn"];
  const result = spawnSync(process.execPath, argv, { cwd: consoleFolder, encoding: "utf8" });
  if (result.status !== 0) {
    rmSync(newFolder, { recursive: true, force: true });
    const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim();
    throw new Error(
      `The web console cannot be built:\n${output || result.error?.message || "vite said nothing"}`,
    );
  }
  replaceFolder(newFolder, join(consoleFolder, "dist"));
  say(`Web console built in ${((Date.now() - startedMs) / 1000).toFixed(1)} s.`);
}

function isStale(root) {
  const builtMs = timeOf(join(root, "packages", "console", "dist", "index.html"));
  if (builtMs === undefined) return true;
  return SOURCES.some((source) => newestMs(join(root, source)) > builtMs);
}

function newestMs(path) {
  if (!existsSync(path)) return 0;
  const own = statSync(path);
  if (!own.isDirectory()) return path.includes(".test.") ? 0 : own.mtimeMs;
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), 0);
}

function timeOf(path) {
  return existsSync(path) ? statSync(path).mtimeMs : undefined;
}

function replaceFolder(from, to) {
  const old = `${from}-old`;
  if (existsSync(to)) renameSync(to, old);
  renameSync(from, to);
  rmSync(old, { recursive: true, force: true });
}
