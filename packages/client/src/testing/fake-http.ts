/** The way over HTTP, with the test at its other end. */
import type { WireMessage } from "./fake-network.ts";

const DEADLINE_MS = 5_000;

export interface FakeStream {
  readonly url: URL;
  readonly headers: Headers;
  readonly isAborted: boolean;
  /** Answers with a stream that has begun. */
  begin(): void;
  refuse(status: number, headers?: Record<string, string>): void;
  write(text: string): void;
  receive(message: WireMessage): void;
  end(): void;
}

export interface FakePost {
  readonly url: URL;
  readonly headers: Headers;
  readonly messages: readonly WireMessage[];
  answer(status: number): void;
  fail(): void;
}

export class FakeHttp {
  readonly streams: FakeStream[] = [];
  readonly posts: FakePost[] = [];
  /** Answers posts by itself. */
  takesPosts = true;

  readonly fetch: typeof fetch = (input, init = {}) => {
    const url = new URL(String(input));
    const headers = new Headers(init.headers);
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    init.signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
    if (init.method === "POST") {
      const messages = JSON.parse(String(init.body)) as WireMessage[];
      const answer = (status: number) => resolve(new Response(null, { status }));
      this.posts.push({ url, headers, messages, answer, fail: () => reject(new Error("no network")) });
      if (this.takesPosts) answer(202);
    } else this.streams.push(streamOf(url, headers, init.signal, resolve));
    return promise;
  };

  get last(): FakeStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("The client has asked for no stream");
    return stream;
  }

  sentOf(type: string): WireMessage[] {
    return this.posts.flatMap(({ messages }) => messages).filter((message) => message.type === type);
  }
}

function streamOf(
  url: URL,
  headers: Headers,
  signal: AbortSignal | null | undefined,
  resolve: (response: Response) => void,
): FakeStream {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
  });
  signal?.addEventListener("abort", () => controller.error(new Error("aborted")), { once: true });
  const write = (text: string) => controller.enqueue(new TextEncoder().encode(text));
  return {
    url,
    headers,
    get isAborted() {
      return signal?.aborted === true;
    },
    begin: () =>
      resolve(new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } })),
    refuse: (status, answerHeaders = {}) => resolve(new Response(null, { status, headers: answerHeaders })),
    write,
    receive: (message) => write(`data: ${JSON.stringify(message)}\n\n`),
    end: () => controller.close(),
  };
}

/** Looks once per turn of the event loop until it is so. */
export async function untilTrue(what: string, isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + DEADLINE_MS;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`Not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
