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

/** Of one request, give or take what a single message needs. */
const MAX_MESSAGES = 256;
const MAX_CHARS = 128 * 1024;
const NORMAL = 1000;
const ABNORMAL = 1006;

export class EventStream extends EventEmitter {
  readonly OPEN = 1;
  readonly events: StreamEvent[] = [];
  readonly response: IncomingMessage;
  commentCount = 0;
  readonly #options: EventStreamOptions;
  readonly #request: ClientRequest;
  readonly #waiting: string[] = [];
  #isSending = false;
  readonly #connectionId = Promise.withResolvers<string>();
  #isOver = false;
  #closing = { code: ABNORMAL, reason: "" };
  #rest = "";

  private constructor(options: EventStreamOptions, outgoing: ClientRequest, response: IncomingMessage) {
    super();
    this.#options = options;
    this.#request = outgoing;
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#receive(text));
    response.on("error", () => {}); // "close" follows.
    response.on("close", () => {
      this.#isOver = true;
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

  /** In order: what has come together goes when what was sent before has been taken. */
  send(text: string): void {
    this.#waiting.push(text);
    if (this.#isSending) return;
    this.#isSending = true;
    this.#sendAll()
      .catch((cause: unknown) => this.emit("error", cause))
      .finally(() => {
        this.#isSending = false;
      });
  }

  get readyState(): number {
    return this.#isOver ? 3 : this.OPEN;
  }

  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  pong(): void {}

  close(): void {
    this.#closing = { code: NORMAL, reason: "" };
    this.terminate();
  }

  terminate(): void {
    this.#request.destroy();
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#post(`[${this.#take().join(",")}]`);
  }

  #take(): string[] {
    let charCount = 0;
    const count = this.#waiting.findIndex((text, index) => {
      charCount += text.length;
      return index > 0 && (index === MAX_MESSAGES || charCount > MAX_CHARS);
    });
    return this.#waiting.splice(0, count === -1 ? this.#waiting.length : count);
  }

  async #post(text: string): Promise<void> {
    const { commandsUrl, headers, deadlineMs } = this.#options;
    const url = new URL(commandsUrl);
    url.searchParams.set("connection_id", await this.#connectionId.promise);
    const { status, text: answer } = await httpRequest({ url, headers, deadlineMs, body: text });
    if (status !== 202) throw new Error(`The request was answered with ${status} ${answer}`);
  }

  #receive(text: string): void {
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
      if (value.connection_id !== undefined) this.#connectionId.resolve(value.connection_id);
      this.emit("message", Buffer.from(event.data), false);
    } else this.#closing = { code: value.code ?? ABNORMAL, reason: value.reason ?? "" };
  }
}
