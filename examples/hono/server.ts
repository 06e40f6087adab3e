// Hono answers the pages; Tachikoma attaches to the HTTP server beneath it. A route publishes to everyone who watches.
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { createServer } from "@tachikoma/server";
import { Hono } from "hono";

const tachikoma = createServer({ database: { url: "memory://" } });

const app = new Hono();
app.get("/", (context) => context.text("A page of Hono's\n"));
app.post("/orders/:id/shipped", async (context) => {
  const { id } = context.req.param();
  const position = await tachikoma.publish(`order:${id}`, {
    ...(await context.req.json()),
    status: "shipped",
  });
  return context.json({ position });
});

const httpServer = createHttpServer(getRequestListener(app.fetch));
// The WebSocket and the HTTP API are answered first; every other request reaches Hono.
tachikoma.attach(httpServer);

httpServer.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
  const { port } = httpServer.address() as AddressInfo;
  process.stdout.write(`Listening on http://127.0.0.1:${port}\n`);
});

async function stop() {
  await tachikoma.close({ graceMs: 1_000 });
  httpServer.close();
}
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
