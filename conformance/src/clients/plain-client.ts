/**
 * A client that knows WebSocket and JSON. What arrives waits in a list until a case asks for it, so nothing is missed between
 * two awaits; every wait has a deadline.
 */
import type { WebSocket } from "ws";
import { within } from "../deadline.ts";
import { ExpectationError, hasFields, shown } from "../expectation.ts";
import { DeliveryWatch, type SeenRecords, type Violation } from "./delivery-watch.ts";
import type { Transcript } from "./transcript.ts";
import { isRecordFrame, isTerminal, type RecordFrame, type WireMessage } from "./wire-message.ts";

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

export interface ReceivedPing {
  readonly payload: string;
  /** How many messages had arrived before it. */
  readonly messageCount: number;
}

export interface PlainClientOptions {
  readonly name: string;
  readonly transcript: Transcript;
  readonly seen: SeenRecords;
  readonly deadlineMs: number;
  readonly arePositionsOwn: boolean;
  readonly answersPings: boolean;
}

export type Fields = Readonly<Record<string, unknown>>;
type Match = Fields | ((message: WireMessage) => boolean);

export class PlainClient {
  readonly name: string;
  readonly webSocket: WebSocket;
  /** Resolves when the socket is gone. */
  readonly closed: Promise<Closing>;
  /** The pings that have arrived, in order. */
  readonly pings: ReceivedPing[] = [];
  /** Answers each ping at once, as clients do. */
  answersPings: boolean;
  /** Everything that has arrived, in order. */
  readonly received: WireMessage[] = [];
  readonly #options: PlainClientOptions;
  readonly #watch: DeliveryWatch;
  readonly #faults: Violation[] = [];
  #unread: WireMessage[] = [];
  #waiting: (() => void)[] = [];
  #welcome: WireMessage | undefined;
  #requestCount = 0;

  constructor(webSocket: WebSocket, options: PlainClientOptions) {
    this.webSocket = webSocket;
    this.name = options.name;
    this.answersPings = options.answersPings;
    this.#options = options;
    this.#watch = new DeliveryWatch(options.seen, options.arePositionsOwn);
    webSocket.on("message", (data, isBinary) => this.#take(data.toString(), isBinary));
    webSocket.on("ping", (payload) => {
      this.#note("*", `ping ${JSON.stringify(payload.toString())}`);
      this.pings.push({ payload: payload.toString(), messageCount: this.received.length });
      if (this.answersPings) this.pong(payload.toString());
      this.#wake();
    });
    // What went wrong shows in the close that follows.
    webSocket.on("error", (error) => this.#note("*", `error: ${error.message}`));
    this.closed = new Promise((resolve) => {
      webSocket.on("close", (code, reason) => {
        this.#note("*", `closed ${code} ${reason.toString()}`);
        resolve({ code, reason: reason.toString() });
      });
    });
  }

  /** Faults that no case asked for. */
  get violations(): readonly Violation[] {
    return [...this.#faults, ...this.#watch.violations];
  }

  /** `welcome`, once it has been waited for. */
  get welcome(): WireMessage {
    if (this.#welcome === undefined) throw new Error(`${this.name} has not been welcomed`);
    return this.#welcome;
  }

  get sessionId(): string {
    return String(this.welcome.session_id);
  }

  get clientId(): string {
    return String(this.welcome.client_id);
  }

  async welcomed(): Promise<this> {
    this.#welcome = await this.expect("welcome");
    return this;
  }

  send(message: Fields): void {
    this.sendText(JSON.stringify(message));
    this.#watch.sent(message);
  }

  sendText(text: string): void {
    this.#note(">", text);
    this.webSocket.send(text);
  }

  sendBinary(bytes: Buffer): void {
    this.#note(">", `(${bytes.length} bytes, binary)`);
    this.webSocket.send(bytes);
  }

  pong(payload: string): void {
    this.#note("*", `pong ${JSON.stringify(payload)}`);
    this.webSocket.pong(payload);
  }

  /** Takes the first message of the type that matches; others stay. */
  expect(type: string, match: Match = {}): Promise<WireMessage> {
    const isWanted =
      typeof match === "function" ? match : (message: WireMessage) => hasFields(message, match);
    const what = typeof match === "function" ? type : `${type} ${shown(match)}`;
    return this.until(what, () => this.#pick((message) => message.type === type && isWanted(message)));
  }

  /** Sends a request with an id (a fresh one where it has none) and takes the first answer that carries it as `ref`. */
  ask(request: Fields): Promise<WireMessage> {
    const id = typeof request["id"] === "string" ? request["id"] : this.freshId();
    this.send({ ...request, id });
    return this.answerTo(id);
  }

  answerTo(id: string): Promise<WireMessage> {
    return this.until(`an answer with ref ${JSON.stringify(id)}`, () => this.#pick(({ ref }) => ref === id));
  }

  /** Sends a request that is to be answered with a message of one type. */
  async request(request: Fields, answerType: string): Promise<WireMessage> {
    const answer = await this.ask(request);
    if (answer.type === answerType) return answer;
    throw new ExpectationError(
      `The answer to ${String(request["type"])} is to be ${answerType}, and was ${shown(answer)}`,
    );
  }

  subscribe(channel: string, fields: Fields = {}): Promise<WireMessage> {
    return this.request({ type: "subscribe", channel, ...fields }, "subscribed");
  }

  /** Publishes and returns the receipt, which has to be `applied`. */
  async publish(channel: string, data: unknown, fields: Fields = {}): Promise<WireMessage> {
    const receipt = await this.request({ type: "publish", channel, data, ...fields }, "receipt");
    if (receipt.status !== "applied")
      throw new ExpectationError(`publish was not applied: ${shown(receipt)}`);
    return receipt;
  }

  /** Publishes all of it at once and waits for the receipts. */
  async publishAll(channel: string, items: readonly unknown[]): Promise<readonly WireMessage[]> {
    return Promise.all(items.map((data) => this.publish(channel, data)));
  }

  /** Executes and returns the receipt, which has to be `accepted`. */
  async execute(handler: string, fields: Fields): Promise<WireMessage & { readonly execution_id: string }> {
    const receipt = await this.request({ type: "execute", handler, ...fields }, "receipt");
    if (receipt.status !== "accepted" || receipt.execution_id === undefined)
      throw new ExpectationError(`execute was not accepted: ${shown(receipt)}`);
    return { ...receipt, execution_id: receipt.execution_id };
  }

  /** Takes the record frames of a channel up to the first one that is wanted. */
  async recordsUntil(
    channel: string,
    isWanted: (frame: RecordFrame) => boolean,
  ): Promise<readonly RecordFrame[]> {
    const taken: RecordFrame[] = [];
    await this.until(`a certain record of ${channel}`, () => {
      for (;;) {
        const next = this.#pick((message) => isRecordFrame(message) && message.channel === channel);
        if (next === undefined) return undefined;
        taken.push(next as RecordFrame);
        if (isWanted(next as RecordFrame)) return true;
      }
    });
    return taken;
  }

  /** The next so many record frames of a channel. */
  records(channel: string, count: number): Promise<readonly RecordFrame[]> {
    let seenCount = 0;
    return this.recordsUntil(channel, () => {
      seenCount += 1;
      return seenCount === count;
    });
  }

  /** Takes the record frames of a channel up to the terminal record of the execution, or of the next one that ends. */
  recordsUntilEnd(channel: string, executionId?: string): Promise<readonly RecordFrame[]> {
    return this.recordsUntil(
      channel,
      (frame) => isTerminal(frame) && (executionId === undefined || frame.execution_id === executionId),
    );
  }

  /** Messages of a type that have arrived and were not asked for. */
  unread(type: string): readonly WireMessage[] {
    return this.#unread.filter((message) => message.type === type);
  }

  unreadRecords(channel: string): readonly WireMessage[] {
    return this.#unread.filter((message) => isRecordFrame(message) && message.channel === channel);
  }

  /** When the pong is here, so is everything that the server had written when it read the ping. */
  async settle(): Promise<void> {
    await this.request({ type: "ping" }, "pong");
  }

  /** The payload of the next ping that arrives from now on. */
  async nextPing(): Promise<string> {
    const { length } = this.pings;
    return (await this.until("a ping", () => this.pings[length])).payload;
  }

  /** The payload of a ping that was sent behind the message, and that this client has left open. */
  async pingBehind(message: WireMessage): Promise<string> {
    const messageCount = this.received.indexOf(message) + 1;
    const last = this.pings.at(-1);
    if (last !== undefined && last.messageCount >= messageCount) return last.payload;
    // The next ping comes only when the one before it has been answered.
    if (last !== undefined) this.pong(last.payload);
    return this.nextPing();
  }

  async close(): Promise<void> {
    this.webSocket.close(1000);
    await within(this.#options.deadlineMs, `the answer to the close of ${this.name}`, this.closed);
  }

  /** Ends the connection without a word. */
  async drop(): Promise<void> {
    this.#note("*", "dropped");
    this.webSocket.terminate();
    await within(this.#options.deadlineMs, `the end of the socket of ${this.name}`, this.closed);
  }

  async expectClose(code: number): Promise<Closing> {
    const closing = await within(
      this.#options.deadlineMs,
      `the close of ${this.name} with ${code}`,
      this.closed,
    );
    if (closing.code === code) return closing;
    throw new ExpectationError(`${this.name} was closed with ${closing.code}, expected ${code}`);
  }

  /** Looks again whenever something arrives, until it has found something. */
  async until<Found>(what: string, find: () => Found | undefined): Promise<Found> {
    let isOver = false;
    const over = this.closed.then(() => {
      isOver = true;
    });
    const search = async (): Promise<Found> => {
      for (;;) {
        const found = find();
        if (found !== undefined) return found;
        if (isOver) throw new ExpectationError(`${this.name} was closed while it waited for ${what}`);
        await Promise.race([over, new Promise<void>((resolve) => this.#waiting.push(resolve))]);
      }
    };
    return within(this.#options.deadlineMs, `${this.name} waits for ${what}`, search());
  }

  freshId(): string {
    this.#requestCount += 1;
    return `${this.name}-${this.#requestCount}`;
  }

  #take(text: string, isBinary: boolean): void {
    this.#note("<", text);
    const message = isBinary ? undefined : readMessage(text);
    if (message === undefined) {
      this.#faults.push({ rule: "MSG-1", text: `${shown(text)} is no message` });
      return;
    }
    this.received.push(message);
    this.#unread.push(message);
    try {
      this.#watch.received(message);
    } catch (cause) {
      this.#faults.push({ rule: "POS-2", text: String(cause) });
    }
    this.#wake();
  }

  #pick(isWanted: (message: WireMessage) => boolean): WireMessage | undefined {
    const index = this.#unread.findIndex(isWanted);
    return index < 0 ? undefined : this.#unread.splice(index, 1)[0];
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #note(mark: ">" | "<" | "*", text: string): void {
    this.#options.transcript.note(this.name, mark, text);
  }
}

function readMessage(text: string): WireMessage | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return typeof Reflect.get(value, "type") === "string" ? (value as WireMessage) : undefined;
  } catch {
    return undefined;
  }
}
