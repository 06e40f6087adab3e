/** A real server on a free port that ends with its test, and sees to it that nothing failed unheard meanwhile. */
import { onTestFinished } from "vitest";
import { createServer, type TachikomaServer } from "../create-server.ts";
import { within } from "../gateway/websocket/testing/deadline.ts";
import type { ServerOptions } from "../server-options.ts";
import { type EventClient, openEvents } from "./event-client.ts";
import {
  connectPlain,
  expectRefusal,
  type PlainClient,
  type PlainClientOptions,
  type Refused,
} from "./plain-client.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; `undefined` when it is not JSON. */
  readonly json: JsonBody;
}

export type JsonBody = Readonly<Record<string, unknown>> | undefined;

export class TestServer {
  readonly server: TachikomaServer;
  readonly port: number;
  readonly #clients: PlainClient[] = [];
  readonly #streams: EventClient[] = [];

  constructor(server: TachikomaServer, port: number) {
    this.server = server;
    this.port = port;
  }

  /** `http://127.0.0.1:PORT` and the path. */
  httpUrl(path = ""): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** @param path with its query, as in `/ws?client_id=a` */
  webSocketUrl(path = "/ws"): string {
    return `ws://127.0.0.1:${this.port}${path}`;
  }

  /** A connection whose upgrade was made; `welcome` is the first message to read. */
  async connect(path = "/ws", options: PlainClientOptions = {}): Promise<PlainClient> {
    const client = await connectPlain(this.webSocketUrl(path), options);
    this.#clients.push(client);
    return client;
  }

  /** A connection that has been welcomed. */
  async welcomed(
    path = "/ws",
    options: PlainClientOptions = {},
  ): Promise<PlainClient & { readonly hello: Hello }> {
    const client = await this.connect(path, options);
    const { session_id, connection_id, client_id, resumed, reason } = await client.next("welcome");
    const hello = {
      sessionId: String(session_id),
      connectionId: String(connection_id),
      clientId: String(client_id),
      isResumed: resumed === true,
      reason,
    };
    return Object.assign(client, { hello });
  }

  /** A stream of events. @param query as in `?channel=a` */
  async events(query = "", headers: Readonly<Record<string, string>> = {}): Promise<EventClient> {
    const client = await openEvents(this.httpUrl(`/events${query}`), headers);
    this.#streams.push(client);
    return client;
  }

  refused(path = "/ws", options: PlainClientOptions = {}): Promise<Refused> {
    return expectRefusal(this.webSocketUrl(path), options);
  }

  async http(path: string, init: RequestInit = {}): Promise<HttpAnswer> {
    const request = async (): Promise<HttpAnswer> => {
      const response = await fetch(this.httpUrl(path), init);
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: parsed(text) };
    };
    return within(`the answer to ${init.method ?? "GET"} ${path}`, request());
  }

  post(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.http(path, { method: "POST", body: text, headers });
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.webSocket.terminate();
    for (const stream of this.#streams) stream.drop();
    await within("the server to close", this.server.close({ graceMs: 0 }));
  }
}

/** What `welcome` said. */
export interface Hello {
  readonly sessionId: string;
  readonly connectionId: string;
  readonly clientId: string;
  readonly isResumed: boolean;
  readonly reason: string | undefined;
}

/** The tests and the server share a loop, and the machine is busy with other tests: that must refuse nobody. */
const NEVER_OVERLOADED = { maxEventLoopDelayMs: 60_000, maxEventLoopUtilization: 1, maxHeapShare: 1 };

/** Starts a server in memory; options as for `createServer`. To be called within a test. */
export async function startTestServer(options: ServerOptions = {}): Promise<TestServer> {
  expectNoUnheardFailure();
  const server = createServer({
    database: { url: "memory://" },
    ...options,
    limits: { ...NEVER_OVERLOADED, ...options.limits },
  });
  const { port } = await within("the server to listen", server.listen({ port: 0 }));
  const testServer = new TestServer(server, port);
  onTestFinished(() => testServer.stop());
  return testServer;
}

/** Fails the running test when a rejection or an exception of its time was heard by nobody. */
export function expectNoUnheardFailure(): void {
  const unheard: unknown[] = [];
  const note = (cause: unknown) => unheard.push(cause);
  process.on("unhandledRejection", note);
  process.on("uncaughtExceptionMonitor", note);
  onTestFinished(async () => {
    // Rejections are reported when the queue of microtasks is empty.
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", note);
    process.off("uncaughtExceptionMonitor", note);
    if (unheard.length > 0) throw new AggregateError(unheard, "Something failed and nobody heard it");
  });
}

function parsed(text: string): JsonBody {
  try {
    return JSON.parse(text) as JsonBody;
  } catch {
    return undefined;
  }
}
