// A page of your own and Tachikoma on one HTTP server.
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer } from "@tachikoma/server";

const tachikoma = createServer({
  database: { url: "memory://" },
  executions: {
    // Whatever yields text can be a handler. What it yields is stored first and delivered second.
    async *countdown({ signal }) {
      for (let n = 5; n > 0; n -= 1) {
        yield `${n} `;
        await sleep(200, undefined, { signal });
      }
      yield "go!";
    },
  },
});

const httpServer = createHttpServer((request, response) => {
  response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(`You asked for ${request.url}\n`);
});
// Requests that are not Tachikoma's still reach the function above.
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
