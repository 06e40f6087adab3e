/** All connections of a world, and the WebSocket that its clients get. */
import type { WebSocketLike } from "../../packages/client/src/ports.ts";
import { Link } from "./link.ts";

type Filter = (text: string) => string | undefined;

export interface NetworkHooks {
  /** Somebody wants in. Nobody home refuses. */
  accept(link: Link): void;
  /** What a client takes of what arrives, where that is not all. */
  filterFor(clientName: string): Filter | undefined;
  /** A text has arrived at a client that still listens. */
  arrived(clientName: string, link: Link, text: string): void;
  closed(clientName: string, link: Link, code: number): void;
}

export class SimNetwork {
  readonly #hooks: NetworkHooks;
  readonly #highWaterBytes: number;
  #links: Link[] = [];
  #linkCount = 0;

  constructor(hooks: NetworkHooks, highWaterBytes: number) {
    this.#hooks = hooks;
    this.#highWaterBytes = highWaterBytes;
  }

  get links(): readonly Link[] {
    return this.#links;
  }

  sweep(): void {
    this.#links = this.#links.filter((link) => !link.isOver);
  }

  webSocketFor(clientName: string): new (url: string) => SimWebSocket {
    const filter = this.#hooks.filterFor(clientName);
    const open = (url: string, socket: SimWebSocket) => this.#open(clientName, url, socket, filter);
    return class extends SimWebSocket {
      constructor(url: string) {
        super();
        this.link = open(url, this);
      }
    };
  }

  #open(clientName: string, url: string, socket: SimWebSocket, filter: Filter | undefined): Link {
    this.#linkCount += 1;
    const id = `${clientName}#${this.#linkCount}`;
    const link: Link = new Link({
      id,
      clientName,
      url: new URL(url),
      client: {
        text: (text) => {
          if (socket.onmessage === null) return;
          this.#hooks.arrived(clientName, link, text);
          const data = filter === undefined ? text : filter(text);
          if (data !== undefined) (socket.onmessage as (event: { data: string }) => void)({ data });
        },
        pinged: () => socket.onping?.(),
        closed: (code, reason) => {
          this.#hooks.closed(clientName, link, code);
          (socket.onclose as ((event: { code: number; reason: string }) => void) | null)?.({ code, reason });
        },
      },
      highWaterBytes: this.#highWaterBytes,
    });
    this.#links.push(link);
    this.#hooks.accept(link);
    return link;
  }
}

export class SimWebSocket implements WebSocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  /** Heard by clients whose library shows them. */
  onping: (() => void) | undefined;
  link: Link | undefined;

  send(text: string): void {
    this.link?.send(text);
  }

  close(code = 1000): void {
    this.onmessage = null;
    this.link?.closeFromClient(code);
  }
}
