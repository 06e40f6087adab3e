/**
 * A client that knows nothing but WebSocket and JSON: what it reads are the wire's own field names. Messages wait in a queue
 * until a test asks for them, so nothing is missed between two awaits; every wait ends with what was seen instead.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type ClientOptions, WebSocket } from "ws";
import { within } from "../gateway/websocket/testing/deadline.ts";

/** A message as it stands on the wire. */
export interface WireMessage {
  readonly type: string;
  readonly ref?: string;
  readonly channel?: string;
  readonly position?: string;
  readonly n?: number;
  readonly data?: unknown;
  readonly sender?: string;
  readonly connection_id?: string;
  readonly session_id?: string;
  readonly client_id?: string;
  readonly server_version?: string;
  readonly resumed?: boolean;
  readonly recovered?: boolean;
  readonly reason?: string;
  readonly code?: string;
  readonly message?: string;
  readonly status?: string;
  readonly execution_id?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly [field: string]: unknown;
}

/** A request that carries an id, so that its answer can be told. */
export interface WireRequest {
  readonly type: string;
  readonly id: string;
  readonly [field: string]: unknown;
}

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

export interface Ping {
  readonly payload: string;
  readonly atMs: number;
}

/** How the server answered an upgrade that it did not make. */
export interface Refused {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: { readonly code?: string; readonly message?: string };
}

export interface PlainClientOptions extends ClientOptions {
  readonly protocols?: readonly string[];
  /** Sent in the moment the socket opens, before anything has been read. */
  readonly firstMessages?: readonly object[];
}

export class PlainClient {
  /** Everything that has arrived, in order. */
  readonly received: WireMessage[] = [];
  readonly pings: Ping[] = [];
  readonly webSocket: WebSocket;
  /** Resolves when the socket is gone. */
  readonly closed: Promise<Closing>;
  readonly #unread: WireMessage[] = [];
  readonly #waiting: (() => void)[] = [];
  #settleCount = 0;

  constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on("message", (bytes) => this.#take(JSON.parse(bytes.toString()) as WireMessage));
    webSocket.on("ping", (payload) => {
      this.pings.push({ payload: payload.toString(), atMs: performance.now() });
      this.#wake();
    });
    // A refused or broken connection also closes; what went wrong is asked for there.
    webSocket.on("error", () => undefined);
    this.closed = new Promise((resolve) => {
      webSocket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  send(message: object): void {
    this.webSocket.send(JSON.stringify(message));
  }

  /** Bytes make a binary frame, text a text frame, whatever it says. */
  sendRaw(data: string | Buffer): void {
    this.webSocket.send(data);
  }

  /** Takes the first unread message of the type (that is as wanted) out of the queue; others stay. */
  next(type: string, isWanted: (message: WireMessage) => boolean = () => true): Promise<WireMessage> {
    return this.#until(`a message ${type}`, () =>
      this.#pick((message) => message.type === type && isWanted(message)),
    );
  }

  /** Takes the first unread message, whatever it is. */
  nextOfAny(): Promise<WireMessage> {
    return this.#until("a message", () => this.#pick(() => true));
  }

  /** Sends a request that carries an id and takes its answer. */
  ask(request: WireRequest): Promise<WireMessage> {
    this.send(request);
    return this.#until(`the answer to ${request.type} ${request.id}`, () =>
      this.#pick((message) => message.ref === request.id),
    );
  }

  /** Waits until so many messages of a type have arrived in all, and takes none. */
  async untilReceived(type: string, count: number): Promise<void> {
    const countOf = () => this.received.filter((message) => message.type === type).length;
    await this.#until(`${count} messages ${type}`, () => (countOf() >= count ? true : undefined));
  }

  async untilPinged(count: number): Promise<void> {
    await this.#until(`${count} pings`, () => (this.pings.length >= count ? true : undefined));
  }

  /** When the pong is here, so is everything that the server had written when it read the ping. */
  async settle(): Promise<void> {
    this.#settleCount += 1;
    await this.ask({ type: "ping", id: `settle-${this.#settleCount}` });
  }

  /** Unread messages of a type that have arrived. */
  unread(type: string): readonly WireMessage[] {
    return this.#unread.filter((message) => message.type === type);
  }

  /** Waits for the end and says how it came. */
  async expectClose(code?: number): Promise<Closing> {
    const closing = await within(`the close, having seen ${this.#seen()}`, this.closed);
    if (code !== undefined && closing.code !== code) {
      throw new Error(
        `Closed with ${closing.code} ${closing.reason} instead of ${code}, having seen ${this.#seen()}`,
      );
    }
    return closing;
  }

  async close(): Promise<void> {
    this.webSocket.close(1000);
    await within("the close handshake", this.closed);
  }

  /** Drops the connection without a word. */
  async drop(): Promise<void> {
    this.webSocket.terminate();
    await within("the end of the socket", this.closed);
  }

  #take(message: WireMessage): void {
    this.received.push(message);
    this.#unread.push(message);
    this.#wake();
  }

  #pick(isWanted: (message: WireMessage) => boolean): WireMessage | undefined {
    const index = this.#unread.findIndex(isWanted);
    return index < 0 ? undefined : this.#unread.splice(index, 1)[0];
  }

  /** Looks again whenever something arrives. What it finds it has, whoever else waits. */
  async #until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    let isOver = false;
    const over = this.closed.then(() => {
      isOver = true;
    });
    const search = async (): Promise<Found> => {
      for (;;) {
        const found = find();
        if (found !== undefined) return found;
        if (isOver) throw new Error(`Closed while waiting for ${what}`);
        await Promise.race([over, this.#nextArrival()]);
      }
    };
    return within(what, search()).catch((cause: Error) => {
      throw new Error(`${cause.message}, having seen ${this.#seen()}`);
    });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #nextArrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #seen(): string {
    const tail = this.received.slice(-12).map((message) => JSON.stringify(message).slice(0, 160));
    return `${this.received.length} messages, the last: ${tail.join(" ")}`;
  }
}

/** Connects and waits for the upgrade, not for `welcome`. @throws when the server refuses */
export async function connectPlain(url: string, options: PlainClientOptions = {}): Promise<PlainClient> {
  const { webSocket, outcome } = knock(url, options);
  const client = new PlainClient(webSocket);
  const refused = await outcome;
  if (refused === undefined) return client;
  throw new Error(`The upgrade was refused: ${refused.status} ${JSON.stringify(refused.body)}`);
}

/** Connects, expecting the server to refuse. @throws when it does not */
export async function expectRefusal(url: string, options: PlainClientOptions = {}): Promise<Refused> {
  const { webSocket, outcome } = knock(url, options);
  const refused = await outcome;
  if (refused !== undefined) return refused;
  webSocket.terminate();
  throw new Error(`The upgrade of ${url} was not refused`);
}

interface Knock {
  readonly webSocket: WebSocket;
  /** `undefined` when the connection was made. */
  readonly outcome: Promise<Refused | undefined>;
}

function knock(url: string, options: PlainClientOptions): Knock {
  const { protocols, firstMessages, ...rest } = options;
  const webSocket = new WebSocket(url, [...(protocols ?? [])], rest);
  const answered = new Promise<Refused | undefined>((resolve, reject) => {
    webSocket.once("open", () => {
      for (const message of firstMessages ?? []) webSocket.send(JSON.stringify(message));
      resolve(undefined);
    });
    webSocket.once("unexpected-response", (_request, response) =>
      readRefusal(response).then(resolve, reject),
    );
    webSocket.once("error", reject);
  });
  return { webSocket, outcome: within(`the answer to the upgrade of ${url}`, answered) };
}

async function readRefusal(response: IncomingMessage): Promise<Refused> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  const text = Buffer.concat(pieces).toString("utf8");
  const isJson = response.headers["content-type"]?.startsWith("application/json") ?? false;
  const body = isJson ? (JSON.parse(text) as Refused["body"]) : { message: text };
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}
