// The server as an application embeds it. `argv[2]` is the URL of its database.
import { createServer } from "@tachikoma/server";
import { pacedTokens, type TokenRun } from "../paced-tokens.ts";
import { serve } from "./serve.ts";

const MANY = 100_000;

const server = createServer({
  database: { url: process.argv[2] ?? "memory://" },
  server: { console: false },
  // The generator is one machine with one publisher: limits meant against a single client's flood are out of its way.
  websocket: { maxMessagesPerSec: 1_000_000, maxMessageBurst: 1_000_000, maxConnectionsPerClient: MANY },
  limits: {
    maxConnections: MANY,
    maxRunningExecutions: MANY,
    // What a server can carry is measured here, not when it begins to refuse.
    maxEventLoopDelayMs: 60_000,
    maxEventLoopUtilization: 1,
    maxPendingHandshakes: MANY,
  },
  executions: { tokens: ({ input }: { readonly input: TokenRun }) => pacedTokens(input) },
});
const { port } = await server.listen({ port: 0 });
serve({
  port,
  connectionCount: () => server.connections.count,
  publish: (channel, text) => server.publish(channel, { text }),
});
