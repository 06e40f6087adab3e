/** Enough of a server to try the commands on: logs in memory, and handlers that do what their names say. */
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";

interface Request {
  readonly type: string;
  readonly id?: string;
  readonly channel?: string;
  readonly handler?: string;
  readonly execution_id?: string;
  readonly since?: string;
  readonly position?: string;
  readonly data?: unknown;
  readonly input?: unknown;
}

type Frame = Readonly<Record<string, unknown>>;

export class ScriptedServer {
  readonly #server: WebSocketServer;
  readonly #logs = new Map<string, Frame[]>();
  readonly #subscribers = new Map<string, Set<WebSocket>>();
  /** Every request that came, without pings and acknowledgements. */
  readonly requests: Request[] = [];
  #waiting: (() => void)[] = [];

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket) => this.#welcome(socket));
  }

  static async start(token?: string): Promise<ScriptedServer> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      path: "/ws",
      verifyClient: ({ req }, answer) => {
        const given = new URL(req.url ?? "", "ws://x").searchParams.get("token");
        if (token === undefined || given === token) answer(true);
        else answer(false, 401, given === null ? "Token required" : "Unauthorized");
      },
    });
    server.on("listening", resolve);
    await promise;
    return new ScriptedServer(server);
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/ws`;
  }

  stop(): void {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }

  cutConnections(): void {
    for (const socket of this.#server.clients) socket.terminate();
  }

  /** Resolves when somebody has subscribed to the channel. */
  async untilSubscribed(channel: string): Promise<void> {
    while ((this.#subscribers.get(channel)?.size ?? 0) === 0) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  append(channel: string, frame: Frame): string {
    const log = this.#log(channel);
    const position = positionAt(log.length + 1);
    const placed = { ...frame, channel, position };
    log.push(placed);
    for (const socket of this.#subscribers.get(channel) ?? []) send(socket, placed);
    this.#wake();
    return position;
  }

  #wake(): void {
    for (const waiting of this.#waiting.splice(0)) waiting();
  }

  #log(channel: string): Frame[] {
    const log = this.#logs.get(channel) ?? [];
    this.#logs.set(channel, log);
    return log;
  }

  #welcome(socket: WebSocket): void {
    const ids = { connection_id: "c1", session_id: "s1", client_id: "cli" };
    send(socket, { type: "welcome", ...ids, server_version: "0", resumed: false, subscriptions: [] });
    socket.on("message", (bytes: Buffer) => this.#take(socket, JSON.parse(bytes.toString()) as Request));
    socket.on("close", () => {
      for (const subscribers of this.#subscribers.values()) subscribers.delete(socket);
    });
  }

  #take(socket: WebSocket, request: Request): void {
    const { type, id: ref, channel = "" } = request;
    if (type === "ping") send(socket, { type: "pong", ref });
    if (type === "ping" || type === "ack") return;
    this.requests.push(request);
    if (type === "subscribe") this.#subscribe(socket, request);
    if (type === "unsubscribe") {
      this.#subscribers.get(channel)?.delete(socket);
      send(socket, { type: "unsubscribed", ref, channel });
    }
    if (type === "publish") {
      const position = this.append(channel, { type: "message", data: request.data, sender: "cli" });
      send(socket, { type: "receipt", ref, status: "applied", position });
    }
    if (type === "execute") this.#execute(socket, request);
    if (type === "cancel") this.#cancel(socket, request);
  }

  #subscribe(socket: WebSocket, { id: ref, channel = "", since, position }: Request): void {
    if (channel === "forbidden") {
      send(socket, { type: "error", ref, code: "FORBIDDEN", message: "Not allowed" });
      return;
    }
    const log = this.#log(channel);
    const seq =
      position === undefined ? (since === "start" ? 0 : log.length) : Number(position.split(".")[1]);
    send(socket, { type: "subscribed", ref, channel, position: positionAt(seq), recovered: true });
    for (const frame of log.slice(seq)) send(socket, frame);
    this.#subscribers.set(channel, (this.#subscribers.get(channel) ?? new Set()).add(socket));
    this.#wake();
  }

  #execute(socket: WebSocket, { id: ref, handler = "", channel = "execution:x1" }: Request): void {
    if (!["answer", "endless", "broken"].includes(handler)) {
      const error = { code: "UNKNOWN_HANDLER", message: "There is no such handler" };
      send(socket, { type: "receipt", ref, status: "rejected", error });
      return;
    }
    const position = positionAt(this.#log(channel).length);
    this.#subscribers.set(channel, (this.#subscribers.get(channel) ?? new Set()).add(socket));
    const execution = { execution_id: "x1" };
    send(socket, { type: "receipt", ref, status: "accepted", ...execution, channel, position });
    this.append(channel, { type: "execution_started", ...execution, handler, sender: "cli" });
    this.append(channel, { type: "chunk", ...execution, chunk: { type: "text-start", id: "p" } });
    this.append(channel, {
      type: "chunk",
      ...execution,
      chunk: { type: "text-delta", id: "p", delta: "Hel" },
    });
    if (handler === "endless") return;
    this.append(channel, {
      type: "chunk",
      ...execution,
      chunk: { type: "text-delta", id: "p", delta: "lo" },
    });
    this.append(channel, { type: "chunk", ...execution, chunk: { type: "text-end", id: "p" } });
    const usage = { input_tokens: 1, output_tokens: 2 };
    const error = { code: "HANDLER_FAILED", message: "The handler failed" };
    if (handler === "broken") this.append(channel, { type: "execution_failed", ...execution, usage, error });
    else this.append(channel, { type: "execution_completed", ...execution, usage });
  }

  #cancel(socket: WebSocket, { id: ref, execution_id }: Request): void {
    const [channel = ""] = [...this.#logs.keys()];
    this.append(channel, {
      type: "execution_cancelled",
      execution_id,
      usage: {},
      reason: "requested",
      sender: "cli",
    });
    send(socket, { type: "receipt", ref, status: "applied", execution_id, channel });
  }
}

function positionAt(seq: number): string {
  return seq === 0 ? "e.0.0" : `e.${seq}.t${seq}`;
}

function send(socket: WebSocket, frame: Frame): void {
  socket.send(JSON.stringify(frame));
}
