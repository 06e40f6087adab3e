// The server as an application embeds it. `argv[2]` is the URL of its database.
import { createServer } from "@tachikoma/server";
import { pacedTokens, type TokenRun } from "../paced-tokens.ts";
import { serve } from "./serve.ts";
import { ownSettings } from "./settings.ts";

const MANY = 100_000;
const { pingIntervalMs, highWaterBytes, historyRecords, retentionSecs } = ownSettings();

const server = createServer({
  database: { url: process.argv[2] ?? "memory://" },
  server: { console: false },
  websocket: {
    // The generator is one machine with one publisher: limits meant against a single client's flood are out of its way.
    maxMessagesPerSec: 1_000_000,
    maxMessageBurst: 1_000_000,
    maxConnectionsPerClient: MANY,
    ...(pingIntervalMs === undefined ? {} : { pingIntervalSecs: pingIntervalMs / 1_000 }),
    ...(highWaterBytes === undefined ? {} : { highWaterBytes }),
  },
  ...(retentionSecs === undefined ? {} : { sessions: { ttlSecs: retentionSecs } }),
  channels: {
    default: {
      history: {
        ...(historyRecords === undefined ? {} : { records: historyRecords }),
        ...(retentionSecs === undefined ? {} : { ttl: retentionSecs }),
      },
    },
  },
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
