// Fastify makes the HTTP server; Tachikoma attaches to it. A route publishes to everyone who watches.
import type { AddressInfo } from "node:net";
import { createServer } from "@tachikoma/server";
import fastify from "fastify";

const app = fastify();
const tachikoma = createServer({ database: { url: "memory://" } });
tachikoma.attach(app.server);

app.post<{ Params: { id: string } }>("/orders/:id/shipped", async (request) => {
  const position = await tachikoma.publish(`order:${request.params.id}`, { status: "shipped" });
  return { position };
});

// When Fastify closes, whoever is connected is told to come back.
app.addHook("preClose", () => tachikoma.close({ graceMs: 1_000 }));

await app.listen({ port: Number(process.env["PORT"] ?? 3000), host: "127.0.0.1" });
const { port } = app.server.address() as AddressInfo;
process.stdout.write(`Listening on http://127.0.0.1:${port}\n`);

process.once("SIGINT", () => app.close());
process.once("SIGTERM", () => app.close());
