/**
 * The WebSocket that the clients of a trial are given. It goes to whichever entry the trial points it to, as a load balancer
 * would, and tells the history what came over it.
 */
import { WebSocket } from "ws";
import type { ActorSocket } from "../../sim/actors/actor-world.ts";

export interface EntrySocketHooks {
  /** Port of 127.0.0.1 to connect to, asked for each new connection. */
  port(): number;
  token(): string | undefined;
  made(socket: EntrySocket): void;
  opened(socket: EntrySocket): void;
  text(socket: EntrySocket, text: string): void;
  closed(socket: EntrySocket, code: number): void;
  /** The upgrade was answered with a refusal. */
  refused(status: number, body: string): void;
}

type Handler = ((event: never) => void) | null;

export class EntrySocket implements ActorSocket {
  onopen: Handler = null;
  onmessage: Handler = null;
  onclose: Handler = null;
  onerror: Handler = null;
  onping: (() => void) | undefined;
  /** Names the connection in the history. */
  readonly id: string;
  readonly #socket: WebSocket;

  constructor(id: string, url: string, hooks: EntrySocketHooks) {
    this.id = id;
    const address = new URL(url);
    address.hostname = "127.0.0.1";
    address.port = String(hooks.port());
    const token = hooks.token();
    if (token !== undefined) address.searchParams.set("token", token);
    this.#socket = new WebSocket(address, { perMessageDeflate: false });
    hooks.made(this);
    this.#listen(hooks);
  }

  send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  close(code?: number, reason?: string): void {
    this.#socket.close(code, reason);
  }

  /** At once and without a word. */
  terminate(): void {
    this.#socket.terminate();
  }

  #listen(hooks: EntrySocketHooks): void {
    const socket = this.#socket;
    socket.on("open", () => {
      hooks.opened(this);
      call(this.onopen, {});
    });
    socket.on("message", (data) => {
      const text = String(data);
      hooks.text(this, text);
      call(this.onmessage, { data: text });
    });
    socket.on("ping", () => this.onping?.());
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      response.on("error", () => {});
      response.on("close", () => {
        hooks.refused(response.statusCode ?? 0, body);
        socket.terminate();
      });
    });
    // What went wrong shows in the close that follows.
    socket.on("error", () => call(this.onerror, {}));
    socket.on("close", (code, reason) => {
      hooks.closed(this, code);
      call(this.onclose, { code, reason: String(reason) });
    });
  }
}

function call(handler: Handler, event: object): void {
  (handler as ((event: object) => void) | null)?.(event);
}
