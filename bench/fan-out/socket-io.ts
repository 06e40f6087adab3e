// Comparison row: Socket.IO over WebSocket only, with rooms, as most people would write it.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";
import { emitTokens, type Scenario, type Subject } from "./scenario.ts";

export async function startSocketIo(): Promise<Subject> {
  const httpServer = createServer();
  const server = new Server(httpServer, { transports: ["websocket"] });
  const channels = new Set<string>();
  server.on("connection", (socket) => {
    const channel = String(socket.handshake.query["channel"]);
    channels.add(channel);
    socket.join(channel);
  });
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  const { port } = httpServer.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`,
    begin: (scenario: Scenario) => {
      for (const channel of channels) {
        emitTokens(scenario, (token) => {
          server.to(channel).emit("chunk", { channel, chunk: { type: "text-delta", delta: token } });
        });
      }
    },
  };
}
