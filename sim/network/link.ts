/**
 * One connection as two queues. Nothing moves unless the scheduler says so.
 *
 *   client --toServer--> server          a pause of the server's reading holds it back
 *   client <--toClient-- server          a slow reader holds it back; its bytes are what the server sees as buffered
 *
 * A cut empties both and tells the client, and the server or not: a half-open end finds out by its heartbeat. In a black hole
 * everything goes on being written and nothing arrives.
 */
import type { Framing, Transport } from "../../packages/server/src/core/ports.ts";
import { Claims } from "./claims.ts";

export type LinkItem =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "heartbeat"; readonly checkpoint: number }
  | { readonly kind: "close"; readonly code: number; readonly reason: string };

export interface ClientEnd {
  text(text: string): void;
  /** A heartbeat was read; it is answered by itself. */
  pinged(): void;
  closed(code: number, reason: string): void;
}

export interface ServerEnd {
  onText(text: string): void;
  onPong(checkpoint: number): void;
  onDrain(): void;
  onClosed(code: number): void;
}

export interface LinkOptions {
  readonly id: string;
  readonly clientName: string;
  readonly url: URL;
  readonly client: ClientEnd;
  readonly highWaterBytes: number;
}

const utf8 = new TextEncoder();
const utf16 = new TextDecoder();
const ABNORMAL = 1006;
/** Ends each message, since a page is written as one piece: it occurs in no JSON text. */
const END = "\n";

const FRAMING: Framing = { id: "lines", frame: (text) => utf8.encode(text + END) };

export class Link implements Transport {
  readonly framing = FRAMING;
  readonly answersPings = true;
  readonly id: string;
  readonly clientName: string;
  readonly url: URL;
  readonly claims = new Claims();
  client: ClientEnd | undefined;
  server: ServerEnd | undefined;
  isSlow = false;
  isBlackHole = false;
  bufferedBytes = 0;
  readonly #toServer: LinkItem[] = [];
  readonly #toClient: LinkItem[] = [];
  readonly #highWaterBytes: number;
  #isServerReading = true;
  #isServerGone = false;
  #wasFull = false;

  constructor({ id, clientName, url, client, highWaterBytes }: LinkOptions) {
    this.id = id;
    this.clientName = clientName;
    this.url = url;
    this.client = client;
    this.#highWaterBytes = highWaterBytes;
  }

  get isServerGone(): boolean {
    return this.#isServerGone;
  }

  get isOver(): boolean {
    return (
      this.client === undefined && (this.#isServerGone || (this.isBlackHole && this.server === undefined))
    );
  }

  get canMoveToServer(): boolean {
    return (
      !this.isBlackHole && this.server !== undefined && this.#isServerReading && this.#toServer.length > 0
    );
  }

  get canMoveToClient(): boolean {
    return !this.isBlackHole && !this.isSlow && this.client !== undefined && this.#toClient.length > 0;
  }

  // The server's side

  write(bytes: Uint8Array): void {
    if (this.#isServerGone) return;
    for (const text of utf16.decode(bytes).split(END)) {
      if (text !== "") this.#queueToClient({ kind: "text", text });
    }
  }

  ping(checkpoint: number): void {
    this.#queueToClient({ kind: "heartbeat", checkpoint });
  }

  pauseReading(): void {
    this.#isServerReading = false;
  }

  resumeReading(): void {
    this.#isServerReading = true;
  }

  close(code: number, reason: string): void {
    this.#queueToClient({ kind: "close", code, reason });
    this.#isServerGone = true;
    this.server = undefined;
  }

  /** The process has died, or the upgrade was refused. */
  dropServer(): void {
    this.server = undefined;
    if (this.#isServerGone) return;
    this.#queueToClient({ kind: "close", code: ABNORMAL, reason: "" });
    this.#isServerGone = true;
  }

  // The client's side

  send(text: string): void {
    this.#toServer.push({ kind: "text", text });
  }

  closeFromClient(code: number): void {
    this.client = undefined;
    this.#toServer.push({ kind: "close", code, reason: "" });
    this.#toClient.length = 0;
    this.bufferedBytes = 0;
  }

  // The network's side

  cut(isServerTold: boolean): void {
    const { client, server } = this;
    this.#toServer.length = 0;
    this.#toClient.length = 0;
    this.isBlackHole = true;
    this.client = undefined;
    client?.closed(ABNORMAL, "");
    if (!isServerTold) return;
    this.#isServerGone = true;
    this.server = undefined;
    server?.onClosed(ABNORMAL);
  }

  moveToServer(): string {
    const item = this.#toServer.shift()!;
    const { server } = this;
    switch (item.kind) {
      case "text":
        server?.onText(item.text);
        return item.text;
      case "heartbeat":
        server?.onPong(item.checkpoint);
        return `pong ${item.checkpoint}`;
      case "close":
        this.#isServerGone = true;
        this.server = undefined;
        server?.onClosed(item.code);
        return `close ${item.code}`;
    }
  }

  moveToClient(): string {
    const item = this.#toClient.shift()!;
    const text = this.#deliver(item);
    this.#drain();
    return text;
  }

  #deliver(item: LinkItem): string {
    const { client } = this;
    switch (item.kind) {
      case "text":
        this.bufferedBytes -= item.text.length;
        client?.text(item.text);
        return item.text;
      case "heartbeat":
        // A WebSocket answers by itself, as soon as it has read all that came before.
        this.#toServer.push(item);
        client?.pinged();
        return `ping ${item.checkpoint}`;
      case "close":
        this.client = undefined;
        client?.closed(item.code, item.reason);
        return `close ${item.code}`;
    }
  }

  #queueToClient(item: LinkItem): void {
    if (this.#isServerGone) return;
    if (this.client === undefined && !this.isBlackHole) return;
    this.#toClient.push(item);
    if (item.kind === "text") this.bufferedBytes += item.text.length;
    if (this.bufferedBytes >= this.#highWaterBytes) this.#wasFull = true;
  }

  #drain(): void {
    if (!this.#wasFull || this.bufferedBytes > this.#highWaterBytes / 2) return;
    this.#wasFull = false;
    this.server?.onDrain();
  }
}
