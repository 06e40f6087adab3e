/**
 * A connection over `/events` with the face of a WebSocket: what comes as events is told as messages, what is sent goes as requests, one
 * after the other. Beside that it keeps the events as they stand on the wire.
 */
import { EventEmitter } from "node:events";
import { type ClientRequest, type IncomingMessage, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { within } from "../deadline.ts";
import { type HttpAnswer, httpRequest, readAnswer } from "./http-request.ts";

/** One event, its fields as they are. */
export interface StreamEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly retry: string | undefined;
  readonly data: string | undefined;
}

export interface EventStreamOptions {
  readonly url: URL;
  /** Takes `connection_id` in its query. */
  readonly commandsUrl: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly deadlineMs: number;
}

const NORMAL = 1000;
const ABNORMAL = 1006;

export class EventStream extends EventEmitter {
  readonly events: StreamEvent[] = [];
  readonly response: IncomingMessage;
  commentCount = 0;
  readonly #options: EventStreamOptions;
  readonly #request: ClientRequest;
  #sending: Promise<unknown> = Promise.resolve();
  #connectionId: string | undefined;
  #closing = { code: ABNORMAL, reason: "" };
  #rest = "";

  private constructor(options: EventStreamOptions, outgoing: ClientRequest, response: IncomingMessage) {
    super();
    this.#options = options;
    this.#request = outgoing;
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    response.on("error", () => {}); // "close" follows.
    response.on("close", () => {
      this.emit("close", this.#closing.code, Buffer.from(this.#closing.reason));
    });
  }

  /** The stream, or the answer when that is none. */
  static async open(options: EventStreamOptions): Promise<EventStream | HttpAnswer> {
    const request = options.url.protocol === "https:" ? requestSecure : requestPlain;
    const outgoing = request(options.url, { headers: options.headers, agent: false });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once("response", resolve);
      outgoing.once("error", reject);
    });
    outgoing.end();
    const response = await within(options.deadlineMs, `the answer to GET ${options.url.pathname}`, answered);
    outgoing.on("error", () => {}); // After it was dropped.
    if (response.statusCode !== 200) return readAnswer(response);
    return new EventStream(options, outgoing, response);
  }

  /** Id of the last event that had one. */
  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id;
  }

  /** In order: each goes when the one before it was taken. */
  send(text: string): void {
    this.#sending = this.#sending
      .then(() => this.#post(text))
      .catch((cause: unknown) => this.emit("error", cause));
  }

  pong(): void {}

  close(): void {
    this.#closing = { code: NORMAL, reason: "" };
    this.terminate();
  }

  terminate(): void {
    this.#request.destroy();
  }

  async #post(text: string): Promise<void> {
    const { commandsUrl, headers, deadlineMs } = this.#options;
    const url = new URL(commandsUrl);
    url.searchParams.set("connection_id", this.#connectionId ?? "");
    const { status, text: answer } = await httpRequest({ url, headers, deadlineMs, body: text });
    if (status !== 202) throw new Error(`The request was answered with ${status} ${answer}`);
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#read(block.split("\n"));
  }

  #read(lines: readonly string[]): void {
    const fieldOf = (name: string) =>
      lines
        .find((line) => line.startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .replace(/^ /, "");
    const event = {
      name: fieldOf("event") ?? "message",
      id: fieldOf("id"),
      retry: fieldOf("retry"),
      data: fieldOf("data"),
    };
    const isComment = lines.some((line) => line.startsWith(":"));
    if (isComment) this.commentCount += 1;
    if (event.data !== undefined || event.retry !== undefined) this.events.push(event);
    if (event.data === undefined) {
      // Wakes whoever waits.
      this.emit("ping", Buffer.from(""));
      return;
    }
    const value = JSON.parse(event.data) as { connection_id?: string; code?: number; reason?: string };
    if (event.name === "message") {
      this.#connectionId ??= value.connection_id;
      this.emit("message", Buffer.from(event.data), false);
    } else this.#closing = { code: value.code ?? ABNORMAL, reason: value.reason ?? "" };
  }
}
