/** The server that the crash tests kill: SQLite on a file, and a handler that streams numbers at a steady pace. */
import { setTimeout as pause } from "node:timers/promises";
import { createServer } from "@tachikoma/server";

const [portText, databasePath] = process.argv.slice(2);

interface Counting {
  readonly upTo: number;
  readonly pauseMs: number;
}

/** As our client asks, or in what `useChat` sends besides its messages. */
type CountInput = Counting | { readonly body: Counting };

async function* count({
  input: asked,
  signal,
}: {
  readonly input: CountInput;
  readonly signal: AbortSignal;
}) {
  const input = "body" in asked ? asked.body : asked;
  for (let number = 0; number < input.upTo; number += 1) {
    await pause(input.pauseMs, undefined, { signal });
    yield `${number} `;
  }
}

const server = createServer({
  database: { url: `sqlite://${databasePath}` },
  // Confirmed positions of plain clients come from pongs: often enough to matter between two crashes.
  websocket: { pingIntervalSecs: 0.1, pongTimeoutSecs: 5, maxMessagesPerSec: 10_000 },
  // Other tests keep the machine busy: that must refuse nobody here.
  limits: { maxExecutionsPerChannel: 100, maxEventLoopDelayMs: 60_000, maxEventLoopUtilization: 1 },
  executions: {
    count,
    restarting: { run: count, onOwnerLost: "restart" },
  },
});

const { port } = await server.listen({ port: Number(portText) });
process.stdout.write(`listening on ${port}\n`);

// The test holds the other end: without it, nobody is left to kill this process.
process.stdin.resume().on("end", () => process.exit(1));
process.once("SIGTERM", async () => {
  await server.close({ graceMs: 0 });
  process.exit(0);
});
