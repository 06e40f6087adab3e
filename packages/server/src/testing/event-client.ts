/** Reads a stream of events as it stands on the wire: fields and comments, nothing understood. Every wait has a deadline. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { within } from "../gateway/websocket/testing/deadline.ts";
import type { WireMessage } from "./plain-client.ts";

export interface WireEvent {
  readonly event: string;
  readonly id: string | undefined;
  readonly retry: string | undefined;
  readonly data: string | undefined;
  /** The data, parsed. */
  readonly message: WireMessage;
}

export class EventClient {
  readonly events: WireEvent[] = [];
  readonly comments: string[] = [];
  readonly response: IncomingMessage;
  /** Resolves when the stream is over; false when it was cut. */
  readonly ended: Promise<boolean>;
  lastId = "";
  readonly #request: ClientRequest;
  readonly #unread: WireEvent[] = [];
  #wake: (() => void)[] = [];
  #rest = "";

  constructor(outgoing: ClientRequest, response: IncomingMessage) {
    this.#request = outgoing;
    this.response = response;
    response.setEncoding("utf8");
    response.on("data", (text: string) => this.#take(text));
    response.on("error", () => {}); // Comes before "close".
    this.ended = new Promise((resolve) => response.on("close", () => resolve(response.complete)));
  }

  /** Takes the first unread event whose message is of the type, and as wanted; others stay. */
  async next(type: string, isWanted: (event: WireEvent) => boolean = () => true): Promise<WireEvent> {
    return this.#until(
      `a message ${type}`,
      ({ event, message }) => event === "message" && message.type === type,
      isWanted,
    );
  }

  /** Takes the first unread event of this name. */
  async nextEvent(name: string): Promise<WireEvent> {
    return this.#until(
      `an event ${name}`,
      ({ event }) => event === name,
      () => true,
    );
  }

  async untilComment(count = 1): Promise<void> {
    await within(
      `${count} comments`,
      this.#loop(() => (this.comments.length >= count ? true : undefined)),
    );
  }

  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  drop(): void {
    this.#request.destroy();
  }

  #until(
    what: string,
    isIt: (event: WireEvent) => boolean,
    isWanted: (event: WireEvent) => boolean,
  ): Promise<WireEvent> {
    const pick = () => {
      const index = this.#unread.findIndex((event) => isIt(event) && isWanted(event));
      return index === -1 ? undefined : this.#unread.splice(index, 1)[0];
    };
    return within(what, this.#loop(pick)).catch((cause: Error) => {
      const seen = this.events.map(({ event, id, data }) => `${event} ${id ?? ""} ${data ?? ""}`).join("\n");
      throw new Error(`${cause.message}; seen:\n${seen}`);
    });
  }

  async #loop<Value>(look: () => Value | undefined): Promise<Value> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) this.#read(block);
    for (const wake of this.#wake.splice(0)) wake();
  }

  #read(block: string): void {
    const lines = block.split("\n");
    const fieldOf = (name: string) =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    this.comments.push(...lines.filter((line) => line.startsWith(":")));
    const [event = "message", id, retry, data] = ["event", "id", "retry", "data"].map(fieldOf);
    if (id !== undefined) this.lastId = id;
    if (data === undefined && retry === undefined) return;
    const message = JSON.parse(data ?? "{}") as WireMessage;
    const read = { event, id, retry, data, message };
    this.events.push(read);
    this.#unread.push(read);
  }
}

/** Opens the stream, or rejects with what was answered instead. */
export async function openEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventClient> {
  const outgoing = request(url, { headers, agent: false });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
  });
  outgoing.end();
  const response = await within("the answer to the request for events", answered);
  outgoing.on("error", () => {}); // After a drop.
  if (response.statusCode === 200) return new EventClient(outgoing, response);
  let body = "";
  response.setEncoding("utf8");
  for await (const text of response) body += text as string;
  throw new RefusedEvents(response.statusCode ?? 0, response.headers, body);
}

export class RefusedEvents extends Error {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;

  constructor(status: number, headers: IncomingMessage["headers"], body: string) {
    super(`${status} ${body}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
