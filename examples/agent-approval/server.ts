// Serves the agent. Its answer lives in the log, so the question in it can be answered from anywhere.
import { createServer } from "@tachikoma/server";
import { agent } from "./agent.ts";

const tachikoma = createServer({
  database: { url: "memory://" },
  // A day for whoever has to approve; an hour is the default.
  executions: { agent: { run: agent, maxDurationSecs: 24 * 60 * 60 } },
});

const { url } = await tachikoma.listen({ port: Number(process.env["PORT"] ?? 3000) });
process.stdout.write(`Listening on ${url}\n`);

process.once("SIGINT", () => tachikoma.close({ graceMs: 1_000 }));
process.once("SIGTERM", () => tachikoma.close({ graceMs: 1_000 }));
