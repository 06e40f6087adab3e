/** Stands between two that talk TCP, so that a test can take the line away. */
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";

export class TcpForwarder {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #targetPort: number;
  #isBlackHole = false;
  #connectionCount = 0;
  readonly #swallowed = new Set<number>();

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.#targetPort = targetPort;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => this.#forward(socket));
  }

  static async start(targetPort: number): Promise<TcpForwarder> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TcpForwarder(server, targetPort);
  }

  /** Swallows all that either side says from now on, also on new connections; nobody is told. */
  swallow(): void {
    this.#isBlackHole = true;
  }

  /** The same for one connection only, counted from 0. */
  swallowConnection(index: number): void {
    this.#swallowed.add(index);
  }

  /** Lets new connections through again; what was swallowed is lost, so old ones are ended. */
  heal(): void {
    this.#isBlackHole = false;
    this.cut();
  }

  /** Ends all connections; new ones go to another port from now on, if one is given. */
  cut(targetPort = this.#targetPort): void {
    this.#targetPort = targetPort;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(near: Socket): void {
    const index = this.#connectionCount++;
    const far = createConnection(this.#targetPort, "127.0.0.1");
    const pairs = [
      [near, far],
      [far, near],
    ] as const;
    for (const [from, to] of pairs) {
      this.#sockets.add(from);
      from.on("data", (chunk) => {
        if (!this.#isBlackHole && !this.#swallowed.has(index)) to.write(chunk);
      });
      from.on("error", () => {}); // Comes before "close".
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }
}
