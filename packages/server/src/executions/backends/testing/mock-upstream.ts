/** A model endpoint on 127.0.0.1 that answers each request by a script, byte for byte. For tests. */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/**
 * - text or bytes: written as one write
 * - `cut`: the connection is closed without an end of the body
 * - `reset`: the connection is reset
 * - `hang`: nothing more happens until the other side gives up
 */
export type Step = string | Uint8Array | "cut" | "reset" | "hang" | { readonly until: Promise<unknown> };

export interface ScriptedResponse {
  /** @default 200 */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  /** When the connection of this request is gone. */
  readonly closed: Promise<void>;
}

const EVENT_STREAM = { "content-type": "text/event-stream" };

export class MockUpstream {
  readonly requests: ReceivedRequest[] = [];
  connectionCount = 0;
  readonly #server: Server;
  readonly #script: (ScriptedResponse | "cut" | "hang")[] = [];
  readonly #waiting: (() => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", () => {
      this.connectionCount += 1;
    });
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<MockUpstream> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new MockUpstream(server);
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Appends answers; each request takes the next. `cut` and `hang` come instead of any header. */
  script(...responses: (ScriptedResponse | "cut" | "hang")[]): void {
    this.#script.push(...responses);
  }

  /** Drops the answers that nobody has asked for. */
  forgetScript(): void {
    this.#script.length = 0;
  }

  /** Resolves when that many requests have arrived. */
  async received(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new Promise<void>((resolve) => response.once("close", resolve));
    const body = await readJson(request);
    this.requests.push({ path: request.url ?? "", headers: request.headers, body, closed });
    for (const wake of this.#waiting.splice(0)) wake();
    const scripted = this.#script.shift();
    if (scripted === "hang") return;
    if (scripted === undefined || scripted === "cut") {
      request.socket.destroy();
      return;
    }
    response.socket?.setNoDelay(true);
    response.writeHead(scripted.status ?? 200, { ...EVENT_STREAM, ...scripted.headers });
    response.flushHeaders();
    await play(scripted.steps, response);
  }
}

async function play(steps: readonly Step[], response: ServerResponse): Promise<void> {
  for (const step of steps) {
    if (step === "hang") return;
    if (step === "cut") {
      response.socket?.destroy();
      return;
    }
    if (step === "reset") {
      response.socket?.resetAndDestroy();
      return;
    }
    if (typeof step === "object" && "until" in step) await step.until;
    // Two turns apart, so that writes have a chance to arrive as reads of their own.
    else await new Promise<void>((resolve) => response.write(step, () => setImmediate(resolve)));
  }
  response.end();
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return JSON.parse(Buffer.concat(pieces).toString());
}

/** One write per byte. */
export function byteByByte(text: string): Uint8Array[] {
  return Array.from(Buffer.from(text), (byte) => Uint8Array.of(byte));
}
