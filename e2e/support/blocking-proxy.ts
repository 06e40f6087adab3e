/** A proxy as it stands in some offices: it passes HTTP on, streams included, and lets no WebSocket through unless it is told to. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

export class BlockingProxy {
  readonly url: string;
  isBlocking = true;
  blockedCount = 0;
  passedCount = 0;
  readonly #server: Server;
  readonly #target: URL;
  readonly #sockets = new Set<Duplex>();

  private constructor(server: Server, target: URL) {
    this.#server = server;
    this.#target = target;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket: Socket) => this.#keep(socket));
    server.on("request", (incoming, response) => this.#pass(incoming, response));
    server.on("upgrade", (incoming, socket, head) => this.#upgrade(incoming, socket, head));
  }

  static async start(targetUrl: string): Promise<BlockingProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new BlockingProxy(server, new URL(targetUrl));
  }

  /** Ends every connection without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, headers } = incoming;
    const outgoing = request(new URL(incoming.url ?? "/", this.#target), { method, headers, agent: false });
    outgoing.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      // A stream that was cut must not look like one that has ended.
      answer.on("close", () => answer.complete || response.destroy());
    });
    outgoing.on("error", () => response.destroy());
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.isBlocking) {
      this.blockedCount += 1;
      socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
      return;
    }
    this.passedCount += 1;
    const far = connect(Number(this.#target.port), this.#target.hostname);
    this.#keep(far);
    const { rawHeaders } = incoming;
    const lines = rawHeaders.flatMap((name, index) =>
      index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : [],
    );
    far.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    far.pipe(socket).pipe(far);
  }

  #keep(socket: Duplex): void {
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
  }
}
