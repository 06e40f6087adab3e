// Bundles the client as an application would get it and fails when it has outgrown its budgets.
// Run it from the root of the repository: `npx node packages/client/scripts/size.mjs`.
//
// The client itself has a budget of 12 KB. The fold of chunks into a message is the protocol package's and comes on top: it
// is measured by building once with it and once without.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "vite";

const MAX_CLIENT_GZIP_BYTES = 12 * 1024;
const MAX_WHOLE_GZIP_BYTES = 14.5 * 1024;

const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
const withoutFold = {
  name: "without-fold",
  load: (id) =>
    id.endsWith("/chunk-fold.ts") ? "export class MessageFold { message = {}; add() {} }" : undefined,
};

async function bundle(plugins) {
  const result = await build({
    configFile: false,
    logLevel: "silent",
    plugins,
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

const whole = await bundle([]);
const client = await bundle([withoutFold]);
const foreign = whole.modules.filter((path) => path.includes("node_modules") || path.includes("/schema/"));
const lines = [
  `client without the fold: ${client.gzipBytes} bytes gzipped (limit ${MAX_CLIENT_GZIP_BYTES})`,
  `client with the fold:    ${whole.gzipBytes} bytes gzipped (limit ${MAX_WHOLE_GZIP_BYTES})`,
  ...foreign.map((path) => `not part of the client: ${path}`),
];
process.stdout.write(`${lines.join("\n")}\n`);
const isTooLarge = client.gzipBytes >= MAX_CLIENT_GZIP_BYTES || whole.gzipBytes >= MAX_WHOLE_GZIP_BYTES;
if (isTooLarge || foreign.length > 0) process.exitCode = 1;
