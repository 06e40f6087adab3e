/**
 * A connection over HTTP that looks like a WebSocket: messages come as the events of one long answer, and go as requests beside it.
 *
 *   GET /events --welcome: its connection_id--> POST /api/commands?connection_id=..., one after the other
 */
import type { Ports, WebSocketLike } from "../ports.ts";
import { COMMENT, EventParser, type ServerEvent } from "./event-parser.ts";
import { Outbox } from "./outbox.ts";
import { SeenPositions } from "./seen-positions.ts";

export interface EventSocketHooks {
  /** The first message is here. */
  opened(): void;
  /** There will be none any more, whoever ended it. */
  ended(): void;
}

const ABNORMAL_CLOSE_CODE = 1006;
const TOO_LARGE_CLOSE_CODE = 1009;
const TOO_LARGE_STATUS = 413;
/** A comment says that the server lives; in messages that is what a `pong` says. */
const PONG = JSON.stringify({ type: "pong" });

type RefusalListener = (request: undefined, answer: { headers: Record<string, string> }) => void;

export class EventSocket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly #fetch: typeof fetch;
  readonly #hooks: EventSocketHooks;
  readonly #url: URL;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #abort = new AbortController();
  readonly #outbox: Outbox;
  readonly #seen = new SeenPositions();
  #connectionId: string | undefined;
  #refusalListener: RefusalListener | undefined;
  #isOver = false;

  /** @param address as of a WebSocket */
  constructor(address: string, ports: Pick<Ports, "fetch" | "clock">, hooks: EventSocketHooks) {
    this.#fetch = ports.fetch ?? globalThis.fetch.bind(globalThis);
    this.#hooks = hooks;
    const url = new URL(address);
    url.protocol = url.protocol === "wss:" ? "https:" : "http:";
    // In a header it ends up in no log.
    const token = url.searchParams.get("token");
    url.searchParams.delete("token");
    this.#url = url;
    this.#headers = token === null ? {} : { authorization: `Bearer ${token}` };
    this.#outbox = new Outbox({
      clock: ports.clock,
      post: (seq, body) => this.#post(seq, body),
      failed: (status) => this.#onPostFailed(status),
    });
    this.#read().catch((thrown: unknown) => this.#end(ABNORMAL_CLOSE_CODE, String(thrown)));
  }

  send(text: string): void {
    if (this.#isOver) throw new Error("The connection is closed");
    this.#outbox.add(text);
  }

  close(): void {
    this.#end(ABNORMAL_CLOSE_CODE, "");
  }

  terminate(): void {
    this.close();
  }

  /** Of the events that the WebSocket of `ws` has: the answer to a request that was refused. */
  on(event: string, listener: RefusalListener): void {
    if (event === "unexpected-response") this.#refusalListener = listener;
  }

  async #read(): Promise<void> {
    const url = new URL("events", this.#url);
    url.search = this.#url.search;
    const response = await this.#fetch(url, {
      // Any answer is of use: a refusal says when to come back.
      headers: { accept: "*/*", ...this.#headers },
      cache: "no-store",
      credentials: "include",
      signal: this.#abort.signal,
    });
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    if (response.status !== 200 || !isStream || response.body === null) return this.#refused(response);
    const parser = new EventParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return this.#end(ABNORMAL_CLOSE_CODE, "The stream ended");
      for (const event of parser.push(decoder.decode(value, { stream: true }))) this.#onEvent(event);
    }
  }

  #refused({ status, headers }: Response): void {
    this.#refusalListener?.(undefined, { headers: { "retry-after": headers.get("retry-after") ?? "" } });
    this.#end(ABNORMAL_CLOSE_CODE, `The server answered ${status}`);
  }

  #onEvent(event: ServerEvent | typeof COMMENT): void {
    if (this.#isOver) return;
    if (event === COMMENT) return this.#onComment();
    if (event.name === "close" || event.name === "end") {
      const { code, reason } = JSON.parse(event.data) as { code: number; reason: string };
      return this.#end(code, reason);
    }
    if (event.name !== "message") return;
    if (this.#connectionId === undefined) this.#onFirst(event.data);
    this.#seen.note(event.data);
    this.#tell(event.data);
  }

  #onFirst(data: string): void {
    const { connection_id } = JSON.parse(data) as { connection_id?: unknown };
    if (typeof connection_id !== "string") throw new TypeError("The first message is no welcome");
    this.#connectionId = connection_id;
    this.#outbox.open();
    this.#hooks.opened();
    (this.onopen as ((event: object) => void) | null)?.({});
  }

  /** There is no pong that would confirm what has arrived. */
  #onComment(): void {
    const ack = this.#connectionId === undefined ? undefined : this.#seen.takeAck();
    if (ack !== undefined) this.#outbox.add(ack);
    this.#tell(PONG);
  }

  #tell(data: string): void {
    (this.onmessage as ((event: { data: string }) => void) | null)?.({ data });
  }

  async #post(seq: number, body: string): Promise<number> {
    const url = new URL("api/commands", this.#url);
    url.search = String(new URLSearchParams({ connection_id: this.#connectionId ?? "", seq: String(seq) }));
    const response = await this.#fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#headers },
      credentials: "include",
      body,
      signal: this.#abort.signal,
    });
    return response.status;
  }

  #onPostFailed(status: number | undefined): void {
    const code = status === TOO_LARGE_STATUS ? TOO_LARGE_CLOSE_CODE : ABNORMAL_CLOSE_CODE;
    this.#end(code, `A request was not taken: ${status ?? "no answer"}`);
  }

  #end(code: number, reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#outbox.close();
    this.#abort.abort();
    this.#hooks.ended();
    (this.onclose as ((event: { code: number; reason: string }) => void) | null)?.({ code, reason });
  }
}
