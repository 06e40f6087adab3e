// The page and Tachikoma on one HTTP server. A page that is edited is better served by `vite`, beside this.
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { createServer, demo } from "@tachikoma/server";
import { build } from "vite";

const CONTENT_TYPES = new Map([
  [".html", "text/html; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
]);

const files = await builtPage();

const tachikoma = createServer({
  database: { url: "memory://" },
  // The front page is this example's own.
  server: { console: false },
  channels: { chat: { presence: true } },
  // Not a model, and it says so. docs/ai-sdk.md has the ten lines for one.
  executions: { chat: demo() },
});

const httpServer = createHttpServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://page");
  const name = pathname === "/" ? "index.html" : pathname.slice(1);
  const content = files.get(name);
  response.setHeader("content-type", CONTENT_TYPES.get(extname(name)) ?? "application/octet-stream");
  response.writeHead(content === undefined ? 404 : 200).end(content);
});
tachikoma.attach(httpServer);

httpServer.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  const { port } = httpServer.address() as AddressInfo;
  process.stdout.write(`Listening on http://127.0.0.1:${port}\n`);
});

/** The files of the page by name, built in memory. */
async function builtPage(): Promise<ReadonlyMap<string, string | Uint8Array>> {
  const result = await build({
    configFile: join(import.meta.dirname, "vite.config.ts"),
    logLevel: "error",
    build: { write: false },
  });
  if (!("output" in result)) throw new Error("The page was not built in one piece");
  return new Map(
    result.output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]),
  );
}

async function stop() {
  await tachikoma.close({ graceMs: 1_000 });
  httpServer.close();
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
