import type { Environment, EnvironmentEvent, WebSocketConstructor, WebSocketLike } from "../ports.ts";

/** A message as it is on the wire. */
export type WireMessage = Record<string, unknown> & { readonly type: string };

/** A socket whose other end is the test. */
export class FakeSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly url: URL;
  readonly sent: WireMessage[] = [];
  /** Set when the client has ended it. */
  closedWith: { readonly code: number | undefined } | undefined;
  isDead = false;
  /** Called with each message that the client sends. */
  onSent: ((message: WireMessage) => void) | undefined;
  /** Set by a test whose socket shows the answer to a refused upgrade. */
  onRefused: ((response: object) => void) | undefined;

  constructor(url: string) {
    this.url = new URL(url);
  }

  send(text: string): void {
    if (this.closedWith !== undefined) throw new Error("The socket is closed");
    const message = JSON.parse(text) as WireMessage;
    this.sent.push(message);
    this.onSent?.(message);
  }

  close(code?: number): void {
    this.closedWith ??= { code };
  }

  /** What the server sends. A socket that the client gave up delivers it all the same: the client must not listen. */
  receive(message: WireMessage): void {
    (this.onmessage as ((event: { data: string }) => void) | null)?.({ data: JSON.stringify(message) });
  }

  /** The connection ends, by the server or by the network. */
  end(code = 1006, reason = ""): void {
    this.isDead = true;
    (this.onclose as ((event: { code: number; reason: string }) => void) | null)?.({ code, reason });
  }

  sentOf(type: string): WireMessage[] {
    return this.sent.filter((message) => message.type === type);
  }

  get isOpen(): boolean {
    return this.closedWith === undefined && !this.isDead;
  }
}

export class FakeNetwork implements Environment {
  readonly sockets: FakeSocket[] = [];
  readonly WebSocket: WebSocketConstructor;
  /** Called for each new socket. */
  onSocket: ((socket: FakeSocket) => void) | undefined;
  readonly #listeners = new Set<(event: EnvironmentEvent) => void>();

  constructor() {
    const { sockets } = this;
    const announce = (socket: FakeSocket) => this.onSocket?.(socket);
    this.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
        announce(this);
      }
    };
  }

  listen(listener: (event: EnvironmentEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: EnvironmentEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error("The client has opened no socket");
    return socket;
  }

  get openCount(): number {
    return this.sockets.filter((socket) => socket.isOpen).length;
  }
}
