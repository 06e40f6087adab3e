/**
 * Stands between the suite and a good server and spoils what passes in one particular way, so that a test can see whether the
 * suite notices. Without a corruption it passes everything on as it is.
 */
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket, WebSocketServer } from "ws";

export type Message = Readonly<Record<string, unknown>>;

/** What happens to the messages of one connection; what is not there stays as it is. */
export interface Spoiling {
  /** What arrives in place of a message of the server. */
  fromServer?(message: Message, link: Link): readonly Message[];
  /** What the server gets in place of a message of the client. */
  fromClient?(message: Message, link: Link): readonly Message[];
  /** Messages of the server leave as binary messages. */
  readonly isBinary?: boolean;
  /** The code with which the client is closed, in place of the server's; `undefined` does not close it. */
  closeCode?(code: number): number | undefined;
  /** False swallows the server's pings. */
  readonly passesPings?: boolean;
  /** The status of a refusal, in place of the server's. */
  refusalStatus?(status: number): number;
}

export interface Link {
  readonly path: string;
  toClient(message: Message): void;
  close(code: number): void;
}

export class CorruptingProxy {
  readonly url: URL;
  readonly #server: Server;
  readonly #sockets = new Set<WebSocket>();

  private constructor(server: Server, url: URL) {
    this.#server = server;
    this.url = url;
  }

  /** @param spoil makes the corruption anew for each connection */
  static async start(target: URL, spoil: () => Spoiling): Promise<CorruptingProxy> {
    const server = createServer((_request, response) => response.writeHead(426).end());
    const acceptor = new WebSocketServer({ noServer: true, perMessageDeflate: false, autoPong: false });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const proxy = new CorruptingProxy(server, new URL(`ws://127.0.0.1:${port}${target.pathname}`));
    server.on("upgrade", (request, socket, head) => {
      socket.on("error", () => socket.destroy());
      const spoiling = spoil();
      const upstream = dial(target, request);
      proxy.#keep(upstream);
      upstream.once("unexpected-response", (_outgoing, answer) => refuse(socket, answer, spoiling));
      upstream.once("open", () => {
        acceptor.handleUpgrade(request, socket, head, (downstream) => {
          proxy.#keep(downstream);
          join(downstream, upstream, spoiling, request.url ?? "");
        });
      });
      // What the server says before the client is there waits.
      upstream.once("upgrade", () => upstream.pause());
    });
    return proxy;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keep(socket: WebSocket): void {
    this.#sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }
}

function dial(target: URL, request: IncomingMessage): WebSocket {
  const url = new URL(request.url ?? "", `ws://${target.host}`);
  const { authorization, "sec-websocket-protocol": protocols } = request.headers;
  return new WebSocket(url, protocols?.split(/, */) ?? [], {
    headers: authorization === undefined ? {} : { authorization },
    perMessageDeflate: false,
    autoPong: false,
  });
}

function join(downstream: WebSocket, upstream: WebSocket, spoiling: Spoiling, path: string): void {
  const { fromServer, fromClient, isBinary = false, closeCode, passesPings = true } = spoiling;
  const toClient = (text: string) => downstream.send(isBinary ? Buffer.from(text) : text);
  const link: Link = {
    path,
    toClient: (message) => toClient(JSON.stringify(message)),
    close: (code) => downstream.close(code),
  };
  upstream.on("message", (data) => {
    const text = data.toString();
    if (fromServer === undefined) return toClient(text);
    for (const message of fromServer(JSON.parse(text) as Message, link)) link.toClient(message);
  });
  downstream.on("message", (data, isBinaryMessage) => {
    const text = data.toString();
    const message = fromClient === undefined || isBinaryMessage ? undefined : parse(text);
    if (message === undefined) return upstream.send(isBinaryMessage ? data : text);
    for (const one of fromClient!(message, link)) upstream.send(JSON.stringify(one));
  });
  upstream.on("ping", (payload) => passesPings && downstream.ping(payload));
  downstream.on("pong", (payload) => upstream.pong(payload));
  downstream.on("ping", (payload) => upstream.ping(payload));
  upstream.on("pong", (payload) => downstream.pong(payload));
  upstream.on("close", (code) => {
    const given = closeCode === undefined ? code : closeCode(code);
    if (given !== undefined) closeWith(downstream, given);
  });
  downstream.on("close", (code) => closeWith(upstream, code));
  upstream.resume();
}

/** 1005 and 1006 stand for closes without a code, and cannot be sent. */
function closeWith(socket: WebSocket, code: number): void {
  if (code === 1006) socket.terminate();
  else if (code === 1005) socket.close();
  else socket.close(code);
}

function refuse(socket: Duplex, answer: IncomingMessage, { refusalStatus }: Spoiling): void {
  const status = refusalStatus?.(answer.statusCode ?? 0) ?? answer.statusCode;
  const pieces: Buffer[] = [];
  answer.on("data", (piece: Buffer) => pieces.push(piece));
  answer.once("end", () => {
    const body = Buffer.concat(pieces);
    const { "retry-after": retryAfter } = answer.headers;
    const after = retryAfter === undefined ? "" : `retry-after: ${retryAfter}\r\n`;
    socket.end(
      `HTTP/1.1 ${status} Refused\r\n${after}connection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

function parse(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Message)
      : undefined;
  } catch {
    return undefined;
  }
}
