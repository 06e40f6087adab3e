import { existsSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** What `import { connect } from "@tachikoma/client"` may add to a page, minified and compressed. */
const MAX_CLIENT_GZIP_BYTES = 12 * 1024;

export async function checkClientSize(root, say) {
  const entry = join(root, "packages", "client", "src", "index.ts");
  if (!existsSync(entry)) return ["packages/client/src/index.ts is missing"];
  const result = await build({
    root: join(root, "packages", "client"),
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["source", "import", "module", "browser", "default"] },
    build: {
      write: false,
      minify: true,
      target: "es2022",
      lib: { entry, formats: ["es"], fileName: "client" },
    },
  });
  const chunks = [result].flat().flatMap((output) => output.output);
  const code = chunks.map((chunk) => (chunk.type === "chunk" ? chunk.code : "")).join("\n");
  const byteCount = Buffer.byteLength(code);
  const gzipByteCount = gzipSync(code, { level: 9 }).length;
  say(
    `client: ${byteCount} bytes minified, ${gzipByteCount} bytes gzipped, the limit is ${MAX_CLIENT_GZIP_BYTES}`,
  );
  if (gzipByteCount <= MAX_CLIENT_GZIP_BYTES) return [];
  return [`the client has ${gzipByteCount} bytes gzipped, the limit is ${MAX_CLIENT_GZIP_BYTES}`];
}
