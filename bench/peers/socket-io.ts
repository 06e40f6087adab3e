// Socket.IO with the settings its documentation recommends for this: WebSocket only, connection state recovery on.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server, type Socket } from "socket.io";
import { serve } from "../contenders/serve.ts";
import { ownSettings } from "../contenders/settings.ts";
import { pacedTokens, type TokenRun } from "../paced-tokens.ts";

/** Longer than any absence that is measured, also where the storm itself takes minutes. */
const MAX_ABSENCE_MS = 3_600_000;

const { pingIntervalMs } = ownSettings();
const httpServer = createServer();
const server = new Server(httpServer, {
  transports: ["websocket"],
  serveClient: false,
  ...(pingIntervalMs === undefined ? {} : { pingInterval: pingIntervalMs }),
  connectionStateRecovery: { maxDisconnectionDuration: MAX_ABSENCE_MS, skipMiddlewares: true },
});

async function run(socket: Socket, tokens: TokenRun): Promise<void> {
  for await (const delta of pacedTokens(tokens)) {
    if (!socket.connected) return;
    socket.emit("text-delta", { id: "0", delta });
  }
}

server.on("connection", (socket) => {
  socket.on("join", async (channel: string, done: () => void) => {
    await socket.join(channel);
    done();
  });
  socket.on("publish", (channel: string, data: unknown) => {
    server.to(channel).emit("message", data);
  });
  socket.on("run", (tokens: TokenRun) => void run(socket, tokens));
});
httpServer.listen(0, "127.0.0.1");
await once(httpServer, "listening");
serve({
  port: (httpServer.address() as AddressInfo).port,
  connectionCount: () => server.engine.clientsCount,
  publish: (channel, text) => server.to(channel).emit("message", { text }),
});
