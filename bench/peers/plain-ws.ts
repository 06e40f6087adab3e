// Control: `ws` and a map of channels. No log, no resume, no order across connections: what the sockets themselves cost.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { serve } from "../contenders/serve.ts";
import { ownSettings } from "../contenders/settings.ts";
import { pacedTokens, type TokenRun } from "../paced-tokens.ts";

type Request =
  | ({ readonly type: "run" } & TokenRun)
  | { readonly type: "publish"; readonly channel: string; readonly data: unknown };

const channels = new Map<string, Set<WebSocket>>();

function publish(channel: string, data: unknown): void {
  const text = JSON.stringify({ type: "message", channel, data });
  // Encoded once for all subscribers: `send` of a string would encode it for each.
  const bytes = Buffer.from(text);
  for (const socket of channels.get(channel) ?? []) socket.send(bytes, { binary: false });
}

async function run(socket: WebSocket, tokens: TokenRun): Promise<void> {
  for await (const delta of pacedTokens(tokens)) {
    if (socket.readyState !== socket.OPEN) return;
    socket.send(JSON.stringify({ type: "text-delta", id: "0", delta }));
  }
}

function subscribe(socket: WebSocket, channel: string): void {
  const sockets = channels.get(channel) ?? new Set();
  channels.set(channel, sockets.add(socket));
  socket.on("close", () => {
    sockets.delete(socket);
    if (sockets.size === 0) channels.delete(channel);
  });
}

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
server.on("connection", (socket, request) => {
  const channel = new URL(request.url ?? "/", "http://localhost").searchParams.get("channel");
  if (channel !== null) subscribe(socket, channel);
  socket.on("error", () => socket.terminate());
  socket.on("message", (bytes) => {
    const message = JSON.parse(String(bytes)) as Request;
    if (message.type === "publish") publish(message.channel, message.data);
    else void run(socket, message);
  });
});

/** As the documentation of `ws` shows it: whoever has not answered the ping before is gone. */
function beat(intervalMs: number): void {
  const answered = new WeakSet<WebSocket>();
  server.on("connection", (socket) => {
    answered.add(socket);
    socket.on("pong", () => answered.add(socket));
  });
  setInterval(() => {
    for (const socket of server.clients) {
      if (!answered.delete(socket)) socket.terminate();
      else socket.ping();
    }
  }, intervalMs);
}

const { pingIntervalMs } = ownSettings();
if (pingIntervalMs !== undefined) beat(pingIntervalMs);
await once(server, "listening");
serve({
  port: (server.address() as AddressInfo).port,
  connectionCount: () => server.clients.size,
  publish: (channel, text) => publish(channel, { text }),
});
