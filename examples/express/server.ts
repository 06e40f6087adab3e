// Express answers the pages, Tachikoma the sessions, and both ask the same function who is there.
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer } from "@tachikoma/server";
import express from "express";

/** Stands for your own sign-in: tokens and the people behind them. */
const PEOPLE = new Map([
  ["ann-token", "ann"],
  ["bob-token", "bob"],
]);

const app = express();
app.get("/me", (request, response) => {
  const person = PEOPLE.get(request.get("authorization")?.replace("Bearer ", "") ?? "");
  if (person === undefined) response.status(401).json({ error: "Who are you?" });
  else response.json({ person });
});

const tachikoma = createServer({
  database: { url: "memory://" },
  auth: ({ token }) => {
    const subject = PEOPLE.get(token ?? "");
    return subject === undefined ? undefined : { subject };
  },
  channels: {
    // note:ann is Ann's: live, on replay and over HTTP alike.
    note: {
      canSubscribe: ({ identity, id }) => identity.subject === id,
      canPublish: ({ identity, id }) => identity.subject === id,
    },
  },
});

const httpServer = createHttpServer(app);
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
