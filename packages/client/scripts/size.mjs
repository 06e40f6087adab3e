// Bundles the client's main entry as an application would get it and fails when it has outgrown its budget.
// Run it from the root of the repository: `npx node packages/client/scripts/size.mjs`.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const MAX_GZIP_BYTES = 12 * 1024;

const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
async function bundle() {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    resolve: { conditions: ["source"] },
    build: {
      write: false,
      target: "es2024",
      rolldownOptions: { input: entry, preserveEntrySignatures: "strict", output: { minify: true } },
    },
  });
  const [{ output }] = Array.isArray(result) ? result : [result];
  const chunks = output.filter((file) => "code" in file);
  const code = chunks.map((chunk) => chunk.code).join("");
  const modules = chunks.flatMap((chunk) => Object.keys(chunk.modules));
  return { modules, gzipBytes: gzipSync(code, { level: 9 }).byteLength };
}

const { gzipBytes, modules } = await bundle();
const foreign = modules.filter((path) => path.includes("node_modules") || path.includes("/schema/"));
const lines = [
  `client: ${gzipBytes} bytes gzipped (limit ${MAX_GZIP_BYTES})`,
  ...foreign.map((path) => `not part of the client: ${path}`),
];
process.stdout.write(`${lines.join("\n")}\n`);
if (gzipBytes >= MAX_GZIP_BYTES || foreign.length > 0) process.exitCode = 1;
