/**
 * The server as an application embeds it: options in, one object out that listens by itself or attaches to an HTTP server that
 * is there already.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { TachikomaError } from "@tachikoma/protocol";
import type { Connections } from "./connections-api.ts";
import { refusalFor, refuseUpgrade } from "./gateway/refusal.ts";
import { parseOptions, type ServerOptions } from "./server-options.ts";
import { ServerParts } from "./server-parts.ts";

export interface ListenOptions {
  /** @default 3000; 0 takes any free port */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly host?: string;
}

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** `http://HOST:PORT` */
  readonly url: string;
}

export interface CloseOptions {
  /** How long running executions may go on, in milliseconds. @default server.drainTimeoutSecs */
  readonly graceMs?: number;
  /** Whether a server will be there again soon. @default "restarting" */
  readonly reason?: "restarting" | "going_away";
  /**
   * What becomes of those who come meanwhile. `refused` tells them, and a load balancer, that this server stops. `elsewhere` leaves
   * the port at once to the others that listen on it too, as workers of `node:cluster` do.
   * @default "refused"
   */
  readonly newcomers?: "refused" | "elsewhere";
}

/**
 * How long an idle HTTP connection is kept: longer than proxies keep theirs (60 s), so that it is they who close it. A request on a
 * connection that the server is just closing fails, and what is no GET is not sent again.
 */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/**
 * Makes a server. It opens its store when it listens, attaches, or is asked for `ready`.
 *
 * @throws CONFIG_INVALID for options that contradict each other or are out of range
 *
 * @example
 * const server = createServer({
 *   executions: {
 *     async *shout({ input }) {
 *       yield String(input).toUpperCase();
 *     },
 *   },
 * });
 * await server.listen({ port: 3000 });
 */
export function createServer(options: ServerOptions = {}): TachikomaServer {
  return new TachikomaServer(options);
}

export class TachikomaServer {
  readonly #parts: ServerParts;
  #httpServer: Server | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#parts = new ServerParts(parseOptions(options));
  }

  /** Who is connected, and sending to them. */
  get connections(): Connections {
    return this.#parts.connections;
  }

  /** Resolves when the store is open and everything a former process left running has been ended. */
  async ready(): Promise<void> {
    await this.#parts.open();
  }

  /** Listens on an HTTP server of its own. */
  async listen(options: ListenOptions = {}): Promise<ServerAddress> {
    const { settings } = this.#parts;
    const host = options.host ?? settings.server.host;
    this.#parts.checkListeningOn(host);
    this.#parts.serveConsole();
    await this.ready();
    const httpServer = createHttpServer({
      headersTimeout: settings.websocket.connectionTimeoutSecs * 1_000,
      requestTimeout: settings.websocket.connectionTimeoutSecs * 1_000,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(30_000, settings.websocket.connectionTimeoutSecs * 500),
      // An offer of HTTP/2 (`Upgrade: h2c`) may be ignored, and is. Node knows this option from 24.9 on; before, it is refused.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket",
    });
    httpServer.on("request", (request, response) => {
      this.handleRequest(request, response).then((isAnswered) => {
        if (!isAnswered) this.#parts.answerNotFound(response);
      });
    });
    httpServer.on("upgrade", (request, socket, head) => this.handleUpgrade(request, socket, head));
    this.#httpServer = httpServer;
    await new Promise<void>((resolve, reject) => {
      httpServer.once("error", reject);
      httpServer.listen(options.port ?? settings.server.port, host, () => {
        httpServer.off("error", reject);
        resolve();
      });
    });
    const { port } = httpServer.address() as AddressInfo;
    const shownHost = host.includes(":") ? `[${host}]` : host;
    return { host, port, url: `http://${shownHost}:${port}` };
  }

  /**
   * Serves WebSockets and the HTTP API on a server that has its own request handlers: they get whatever is not ours. An upgrade of
   * another path is left to other listeners, and refused when there is none. Beside other request handlers the console is served
   * only where `server.console` is given as true: `/` is theirs.
   */
  attach(httpServer: Server): void {
    this.ready().catch((cause: unknown) =>
      this.#parts.logger.error({ err: cause }, "The server could not open"),
    );
    const others = httpServer.listeners("request") as ((
      request: IncomingMessage,
      response: ServerResponse,
    ) => void)[];
    if (others.length === 0) this.#parts.serveConsole();
    httpServer.removeAllListeners("request");
    httpServer.on("request", (request, response) => {
      this.handleRequest(request, response).then((isAnswered) => {
        if (isAnswered) return;
        if (others.length === 0) this.#parts.answerNotFound(response);
        for (const listener of others) listener.call(httpServer, request, response);
      });
    });
    httpServer.on("upgrade", (request, socket, head) => {
      if (this.#parts.webSockets.serves(request)) this.handleUpgrade(request, socket, head);
      else if (httpServer.listenerCount("upgrade") === 1) {
        refuseUpgrade(socket, refusalFor(new TachikomaError("NOT_FOUND")));
      }
    });
  }

  /** Answers one HTTP request when its path is one of ours; false leaves it to the caller. */
  handleRequest(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    return this.#parts.http.handle(request, response);
  }

  /** Takes over one upgrade, or refuses it. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#parts.webSockets.handleUpgrade(request, socket, head);
  }

  /**
   * Publishes a message in the name of the application.
   *
   * @returns its position
   * @throws INVALID_CHANNEL, RECORD_TOO_LARGE, STORE_UNAVAILABLE
   */
  async publish(
    channel: string,
    data: unknown,
    options: { readonly tenant?: string; readonly id?: string; readonly sender?: string } = {},
  ): Promise<string> {
    return this.#parts.publish(channel, data, options);
  }

  /** What `/metrics` answers, in Prometheus text format. */
  metrics(): string {
    return this.#parts.metrics();
  }

  /** Stops: lets executions finish, asks clients to come back later, closes every connection and the store. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close(options: CloseOptions): Promise<void> {
    const graceMs = options.graceMs ?? this.#parts.settings.server.drainTimeoutSecs * 1_000;
    const httpServer = this.#httpServer;
    const code = options.reason === "going_away" ? "SERVER_GOING_AWAY" : "SERVER_RESTARTING";
    const left = options.newcomers === "elsewhere" ? stopListening(httpServer) : undefined;
    await this.#parts.close(graceMs, code, async () => {
      if (httpServer === undefined) return;
      httpServer.closeIdleConnections();
      const closed = left ?? stopListening(httpServer);
      const late = this.#parts.clock.setTimer(CLOSE_SOCKETS_AFTER_MS, () => httpServer.closeAllConnections());
      await closed;
      late.cancel();
    });
  }
}

/** Resolves when the last connection has gone as well. */
async function stopListening(httpServer: Server | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    if (httpServer === undefined) resolve();
    else httpServer.close(() => resolve());
  });
}

/** Requests under way when the server stops may take this long. */
const CLOSE_SOCKETS_AFTER_MS = 2_000;
