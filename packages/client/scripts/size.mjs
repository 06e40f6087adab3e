// Bundles the client's main entry as an application would get it and fails when it has outgrown its budget. What is loaded only
// where it is needed has a budget of its own.
// Run it from the root of the repository: `npx node packages/client/scripts/size.mjs`.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const MAX_GZIP_BYTES = 12.25 * 1024;
const MAX_LATE_GZIP_BYTES = 4 * 1024;

const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
async function bundle() {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    resolve: { conditions: ["source"] },
    build: {
      write: false,
      target: "es2024",
      // As a library: what an application's build adds to load code late is there once for all of it.
      lib: { entry, formats: ["es"] },
      minify: true,
      rolldownOptions: { output: { minify: true } },
    },
  });
  const [{ output }] = Array.isArray(result) ? result : [result];
  const chunks = output.filter((file) => "code" in file);
  const first = chunks.find((chunk) => chunk.isEntry);
  const names = new Set([first.fileName]);
  for (const name of names) {
    for (const imported of chunks.find((chunk) => chunk.fileName === name).imports) names.add(imported);
  }
  const isFirst = (chunk) => names.has(chunk.fileName);
  return {
    modules: chunks.flatMap((chunk) => Object.keys(chunk.modules)),
    gzipBytes: sizeOf(chunks.filter(isFirst)),
    lateGzipBytes: sizeOf(chunks.filter((chunk) => !isFirst(chunk))),
  };
}

function sizeOf(chunks) {
  return gzipSync(chunks.map((chunk) => chunk.code).join(""), { level: 9 }).byteLength;
}

const { gzipBytes, lateGzipBytes, modules } = await bundle();
const foreign = modules.filter((path) => path.includes("node_modules") || path.includes("/schema/"));
const lines = [
  `client: ${gzipBytes} bytes gzipped (limit ${MAX_GZIP_BYTES})`,
  `client over HTTP: ${lateGzipBytes} bytes gzipped (limit ${MAX_LATE_GZIP_BYTES})`,
  ...foreign.map((path) => `not part of the client: ${path}`),
];
process.stdout.write(`${lines.join("\n")}\n`);
if (gzipBytes >= MAX_GZIP_BYTES || lateGzipBytes >= MAX_LATE_GZIP_BYTES || foreign.length > 0)
  process.exitCode = 1;
