/** A real HTTP server on a free port that gives every WebSocket a transport and notes what happens to it. */
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock, Transport } from "../../../core/ports.ts";
import { systemClock } from "../../../platform/system-clock.ts";
import { writeLimitsFor } from "../connection-writer.ts";
import { guardFrameSize } from "../frame-size-guard.ts";
import { FramingSet } from "../framing.ts";
import { handshakeOptions, negotiatedWindowBits } from "../handshake-options.ts";
import { bindWebSocket } from "../inbound-events.ts";
import { createWebSocketTransport } from "../websocket-transport.ts";

export interface TransportServerOptions {
  readonly maxMessageBytes?: number;
  readonly maxFrameBytes?: number;
  readonly compressionThresholdBytes?: number;
  readonly isCompressionEnabled?: boolean;
  readonly isInboundFrameSizeEnforced?: boolean;
  readonly highWaterBytes?: number;
  readonly clock?: Clock;
}

/** One connection as the server sees it. */
export interface ServerConnection {
  readonly transport: Transport;
  readonly webSocket: WebSocket;
  readonly socket: Socket;
  readonly texts: string[];
  readonly pongs: number[];
  binaryCount: number;
  drainCount: number;
  closeCodes: number[];
}

export interface TransportServer {
  readonly url: string;
  readonly port: number;
  /** In the order in which they connected. */
  readonly connections: ServerConnection[];
  close(): Promise<void>;
}

const CLOSE_TIMEOUT_MS = 10_000;

export async function startTransportServer(options: TransportServerOptions = {}): Promise<TransportServer> {
  const maxFrameBytes = options.maxFrameBytes ?? 64 * 1024;
  const webSockets = new WebSocketServer(
    handshakeOptions({
      maxMessageBytes: options.maxMessageBytes ?? 16 * 1024 * 1024,
      isCompressionEnabled: options.isCompressionEnabled ?? true,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
    }),
  );
  const framings = new FramingSet({
    maxFrameBytes,
    compressionThresholdBytes: options.compressionThresholdBytes ?? 8192,
  });
  const connections: ServerConnection[] = [];
  const server = createServer();

  server.on("upgrade", (request, duplex, head) => {
    // Of a plain HTTP server the socket is always a net.Socket.
    const socket = duplex as Socket;
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const windowBits = negotiatedWindowBits(webSocket, request.headers["sec-websocket-extensions"]);
      const transport = createWebSocketTransport({
        socket,
        webSocket,
        framing: framings.forWindow(windowBits),
        clock: options.clock ?? systemClock,
        onDrain: () => {
          connection.drainCount += 1;
        },
        closeTimeoutMs: CLOSE_TIMEOUT_MS,
        writeLimits: writeLimitsFor(options.highWaterBytes ?? 256 * 1024),
      });
      const connection: ServerConnection = {
        transport,
        webSocket,
        socket,
        texts: [],
        pongs: [],
        binaryCount: 0,
        drainCount: 0,
        closeCodes: [],
      };
      noteEvents(connection);
      if (options.isInboundFrameSizeEnforced) {
        guardFrameSize(socket, maxFrameBytes, () => transport.close(1009, "Frame too large"));
      }
      connections.push(connection);
    });
  });

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, port, connections, close: () => closeServer(server, connections) };
}

function noteEvents(connection: ServerConnection): void {
  bindWebSocket(connection.webSocket, {
    onText: (text) => connection.texts.push(text),
    onBinary: () => {
      connection.binaryCount += 1;
    },
    onPong: (checkpoint) => connection.pongs.push(checkpoint),
    onClose: (closeCode) => connection.closeCodes.push(closeCode),
  });
}

async function closeServer(server: Server, connections: readonly ServerConnection[]): Promise<void> {
  for (const { webSocket } of connections) webSocket.terminate();
  await new Promise((resolve) => server.close(resolve));
}
