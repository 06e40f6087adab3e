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
  /** What was said on connections that are held up, and where it goes when they are let go. */
  readonly #held = new Map<number, (() => void)[]>();

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

  /** Holds up all that is said on one connection, as a network does that delivers it late: even its end. */
  holdConnection(index: number): void {
    this.#held.set(index, []);
  }

  /** Delivers what was held up. */
  release(): void {
    for (const deliveries of this.#held.values()) for (const deliver of deliveries) deliver();
    this.#held.clear();
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
      const pass = (deliver: () => void) => {
        const held = this.#held.get(index);
        if (held === undefined) deliver();
        else held.push(deliver);
      };
      from.on("data", (chunk) => {
        if (!this.#isBlackHole && !this.#swallowed.has(index)) pass(() => to.write(chunk));
      });
      from.on("error", () => {}); // Comes before "close".
      from.on("close", () => {
        this.#sockets.delete(from);
        pass(() => to.end());
      });
    }
  }
}
