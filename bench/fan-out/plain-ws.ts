// Control row: `ws` and nothing else. No log, no resume, no order across connections: what the sockets themselves cost.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { emitTokens, type Scenario, type Subject } from "./scenario.ts";

export async function startPlainWs(): Promise<Subject> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const viewers = new Map<string, WebSocket[]>();
  server.on("connection", (socket, request) => {
    const channel = new URL(request.url ?? "/", "http://localhost").searchParams.get("channel") ?? "";
    viewers.set(channel, [...(viewers.get(channel) ?? []), socket]);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/`,
    begin: (scenario: Scenario) => {
      for (const [channel, sockets] of viewers) {
        emitTokens(scenario, (token) => {
          const text = JSON.stringify({
            type: "chunk",
            channel,
            chunk: { type: "text-delta", delta: token },
          });
          for (const socket of sockets) socket.send(text);
        });
      }
    },
  };
}
