/**
 * What a case has to work with: connections to the target, names that no other case uses, and what the target says it has. Its
 * connections end with it.
 */
import { WebSocket } from "ws";
import { SeenRecords, type Violation } from "./clients/delivery-watch.ts";
import { EventStream } from "./clients/event-stream.ts";
import { type HttpAnswer, httpRequest, UPGRADE_HEADERS } from "./clients/http-request.ts";
import { PlainClient } from "./clients/plain-client.ts";
import { RawClient } from "./clients/raw-client.ts";
import { Transcript } from "./clients/transcript.ts";
import { within } from "./deadline.ts";
import { ExpectationError } from "./expectation.ts";
import type { ServerHooks } from "./hooks.ts";
import type { RequirementName } from "./requirements.ts";
import { httpUrl, type Target, webSocketUrl } from "./target.ts";

export interface ConnectOptions {
  readonly clientId?: string | undefined;
  readonly sessionId?: string | undefined;
  /** `positions=client`. */
  readonly arePositionsOwn?: boolean;
  /** `null` sends none. @default the token of the target */
  readonly token?: string | null;
  /** The door for one execution. */
  readonly isStream?: boolean;
  /** Answers pings by itself. @default true */
  readonly answersPings?: boolean;
  readonly protocols?: readonly string[];
  /** More of the query, as it stands in the address. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Which of the nodes. @default the first, or where the target is spread the next */
  readonly node?: number;
  /** Comes back when the server says that it is busy. @default true */
  readonly isPatient?: boolean;
}

export interface EventsOptions
  extends Pick<ConnectOptions, "clientId" | "sessionId" | "arePositionsOwn" | "token" | "node"> {
  readonly channels?: readonly string[];
  /** More of the query. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A connection over `/events`, in the words of a WebSocket and as it stands on the wire. */
export interface EventConnection {
  readonly client: PlainClient;
  readonly stream: EventStream;
}

export interface RawOptions extends Omit<ConnectOptions, "headers" | "protocols" | "answersPings"> {
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

interface Refused {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

/** A case that finds out by itself that it says nothing about this server. */
export class NotApplicable extends Error {
  override readonly name = "NotApplicable";
}

const RETRY_MS = 50;
/** How many deadlines long a server may be busy. */
const BUSY_DEADLINES = 3;
const NAMES = "abcdefghijklmnopqrstuvwxyz";

export class Trial {
  readonly target: Target;
  readonly hooks: ServerHooks;
  readonly transcript = new Transcript();
  /** Time for each wait, in milliseconds. */
  readonly deadlineMs: number;
  readonly #seen = new SeenRecords();
  readonly #clients: PlainClient[] = [];
  readonly #rawClients: RawClient[] = [];
  readonly #shared: Map<string, Promise<unknown>>;
  #nameCount = 0;
  #addressCount = 0;

  constructor(target: Target, hooks: ServerHooks, shared: Map<string, Promise<unknown>>) {
    this.target = target;
    this.hooks = hooks;
    this.deadlineMs = target.deadlineMs;
    this.#shared = shared;
  }

  /** A connection that has been welcomed. */
  async connect(options: ConnectOptions = {}): Promise<PlainClient> {
    const client = await this.open(options);
    return client.welcomed();
  }

  /** A connection whose upgrade was made; `welcome` has not been taken. */
  async open(options: ConnectOptions = {}): Promise<PlainClient> {
    if (this.target.transport === "events" && !isAboutWebSockets(options)) {
      const { query: _, headers: __, ...connecting } = options;
      return this.#openEvents(connecting);
    }
    const name = this.#connectionName();
    const url = this.#address(options);
    this.transcript.note(name, "*", `connects to ${url.pathname}${hideToken(url.search)}`);
    const client = await this.#patiently(options, () => this.#tryToOpen(name, url, options));
    if (client instanceof PlainClient) return client;
    throw new ExpectationError(`${name} was refused with ${client.status}`);
  }

  /** An upgrade that is to be refused. */
  async refusal(options: ConnectOptions = {}): Promise<HttpAnswer> {
    const answer = await this.knock(options);
    if (answer.status === 101)
      throw new ExpectationError("The upgrade was made, and should have been refused");
    return answer;
  }

  /** Asks for an upgrade and looks at the answer only. */
  knock(options: ConnectOptions = {}): Promise<HttpAnswer> {
    const url = httpUrl(this.#address(options), this.target);
    return this.#patiently(options, async () => {
      const answer = await this.#http(url, { ...UPGRADE_HEADERS, ...this.#headers(options) });
      return { ...answer, retryAfter: answer.headers["retry-after"] };
    });
  }

  /** A connection over `/events` that has been welcomed. */
  async events(options: EventsOptions = {}): Promise<EventConnection> {
    const client = await this.#openEvents(options);
    return { client: await client.welcomed(), stream: client.webSocket as unknown as EventStream };
  }

  /** The same, whatever comes first. */
  async eventsUnwelcomed(options: EventsOptions): Promise<EventConnection> {
    const client = await this.#openEvents(options);
    return { client, stream: client.webSocket as unknown as EventStream };
  }

  async #openEvents(options: EventsOptions): Promise<PlainClient> {
    const name = this.#connectionName();
    const stream = await this.#eventStream(name, options);
    if (!(stream instanceof EventStream)) {
      throw new ExpectationError(`${name} was refused with ${stream.status} ${stream.text}`);
    }
    const client = new PlainClient(stream as unknown as WebSocket, {
      name,
      transcript: this.transcript,
      seen: this.#seen,
      deadlineMs: this.deadlineMs,
      arePositionsOwn: options.arePositionsOwn === true,
      answersPings: false,
    });
    this.#clients.push(client);
    return client;
  }

  /** A request for `/events` that is to be answered with something else than a stream. */
  async eventsRefusal(options: EventsOptions = {}): Promise<HttpAnswer> {
    const answer = await this.#eventStream("events", options);
    if (!(answer instanceof EventStream)) return answer;
    answer.terminate();
    throw new ExpectationError("The stream began, and should not have");
  }

  /** A POST to `/api/commands`. */
  post(
    body: unknown,
    query: Readonly<Record<string, string>> = {},
    options: EventsOptions = {},
  ): Promise<HttpAnswer> {
    const url = this.#httpPath("/api/commands", options);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return this.#http(url, { ...this.#headers(options), ...options.headers }, { body: text });
  }

  /** What the browser of a page asks before it posts. */
  preflight(path: string, origin: string): Promise<HttpAnswer> {
    const asked = {
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    };
    return this.#http(this.#httpPath(path, {}), { origin, ...asked }, { method: "OPTIONS" });
  }

  /** A GET over HTTP; `path` takes the place of the last part of the target's address. */
  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    return this.#http(this.#httpPath(path, {}), { ...this.#headers({}), ...headers });
  }

  /** Connects as soon as there is a place: the end of another connection takes a moment to be known to the server. */
  async connectAtLast(options: ConnectOptions): Promise<PlainClient> {
    const untilMs = performance.now() + this.deadlineMs;
    for (;;) {
      try {
        return await this.connect(options);
      } catch (cause) {
        if (!String(cause).includes("refused with 429") || performance.now() > untilMs) throw cause;
        await this.elapse(RETRY_MS, "before the next attempt");
      }
    }
  }

  async raw(options: RawOptions = {}): Promise<RawClient> {
    const name = this.#connectionName();
    const open = async () => {
      const client = await RawClient.open(this.#address(options), {
        name,
        transcript: this.transcript,
        deadlineMs: this.deadlineMs,
        headers: { ...this.#headers(options), ...options.headers },
      });
      this.#rawClients.push(client);
      const { status, headers } = client.answer;
      return { client, status, retryAfter: headers.get("retry-after") };
    };
    return (await this.#patiently(options, open)).client;
  }

  /** A channel that no other case uses. */
  channel(namespace = this.target.namespace): string {
    return `${namespace}:${this.freshName()}`;
  }

  freshName(): string {
    this.#nameCount += 1;
    return `${this.target.runId}-${this.#nameCount}-${Math.random().toString(36).slice(2, 8)}`;
  }

  text(name: RequirementName): string {
    return String(this.target.provisions[name]);
  }

  number(name: RequirementName): number {
    return Number(this.target.provisions[name]);
  }

  /** Lets time pass where the protocol speaks of time. */
  elapse(ms: number, why: string): Promise<void> {
    this.transcript.note("time", "*", `${ms} ms: ${why}`);
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** What several cases look at and only one of them has to make. */
  async shared<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
    const made = this.#shared.get(name) ?? make();
    this.#shared.set(name, made);
    return (await made) as Value;
  }

  get violations(): readonly Violation[] {
    return this.#clients.flatMap(({ violations }) => violations);
  }

  /** Ends all connections of the case. */
  end(): void {
    for (const { webSocket } of this.#clients) webSocket.terminate();
    for (const client of this.#rawClients) client.destroy();
  }

  /** Comes back when the server is busy for a moment, as it asks for (LIM-6, CON-8). */
  async #patiently<Outcome extends object>(
    { isPatient = true }: { readonly isPatient?: boolean },
    attempt: () => Promise<Outcome>,
  ): Promise<Outcome> {
    const untilMs = performance.now() + BUSY_DEADLINES * this.deadlineMs;
    for (;;) {
      const outcome = await attempt();
      const isBusy = "status" in outcome && outcome.status === 503;
      if (!isPatient || !isBusy || performance.now() > untilMs) return outcome;
      const seconds = "retryAfter" in outcome ? Number(outcome.retryAfter) : 1;
      await this.elapse(Math.min(seconds * 1_000 || 1_000, this.deadlineMs), "the server is busy");
    }
  }

  async #tryToOpen(name: string, url: URL, options: ConnectOptions): Promise<PlainClient | Refused> {
    const webSocket = new WebSocket(url, [...(options.protocols ?? [])], {
      headers: this.#headers(options),
      autoPong: false,
      perMessageDeflate: false,
    });
    const client = new PlainClient(webSocket, {
      name,
      transcript: this.transcript,
      seen: this.#seen,
      deadlineMs: this.deadlineMs,
      arePositionsOwn: options.arePositionsOwn === true && options.isStream !== true,
      answersPings: options.answersPings ?? true,
    });
    const outcome = new Promise<PlainClient | Refused>((resolve, reject) => {
      webSocket.once("open", () => resolve(client));
      webSocket.once("unexpected-response", (request, { statusCode = 0, headers }) => {
        request.destroy();
        resolve({ status: statusCode, retryAfter: headers["retry-after"] });
      });
      webSocket.once("error", (cause) =>
        reject(new ExpectationError(`${name} could not connect: ${cause.message}`)),
      );
    });
    this.#clients.push(client);
    return within(this.deadlineMs, `the upgrade of ${name}`, outcome);
  }

  async #eventStream(name: string, options: EventsOptions): Promise<EventStream | HttpAnswer> {
    const { channels = [], query = {}, headers = {} } = options;
    const url = this.#httpPath("/events", options);
    for (const channel of channels) url.searchParams.append("channel", channel);
    for (const [key, value] of Object.entries(query)) url.searchParams.append(key, value);
    const sent = { ...this.#headers(options), ...headers };
    this.transcript.note(
      name,
      "*",
      `asks for ${url.pathname}${hideToken(url.search)} ${JSON.stringify(headers)}`,
    );
    const commandsUrl = this.#httpPath("/api/commands", { ...options, sessionId: undefined });
    const stream = await EventStream.open({ url, commandsUrl, headers: sent, deadlineMs: this.deadlineMs });
    const status = stream instanceof EventStream ? 200 : `${stream.status} ${stream.text}`;
    this.transcript.note(name, "*", `is answered with ${status}`);
    return stream;
  }

  /** `path` takes the place of the last part of the target's address; a query may follow it. */
  #httpPath(path: string, { query: _, ...options }: EventsOptions): URL {
    const url = httpUrl(this.#address(options), this.target);
    const [name = "", query = ""] = path.split("?");
    url.pathname = url.pathname.replace(/\/[^/]*$/, name);
    for (const [key, value] of new URLSearchParams(query)) url.searchParams.append(key, value);
    return url;
  }

  async #http(
    url: URL,
    headers: Readonly<Record<string, string>>,
    more: { readonly body?: string; readonly method?: string } = {},
  ): Promise<HttpAnswer> {
    const answer = await httpRequest({ url, headers, deadlineMs: this.deadlineMs, ...more });
    const what = `${more.method ?? (more.body === undefined ? "GET" : `POST ${more.body.slice(0, 200)} to`)} ${url.pathname}${hideToken(url.search)}: ${answer.status} ${answer.text}`;
    this.transcript.note("http", "*", what);
    return answer;
  }

  #connectionName(): string {
    const index = this.#clients.length + this.#rawClients.length;
    return NAMES[index] ?? `c${index}`;
  }

  #address(
    options: Pick<
      ConnectOptions,
      "node" | "isStream" | "clientId" | "sessionId" | "arePositionsOwn" | "query"
    >,
  ): URL {
    const url = webSocketUrl(this.target, options.node ?? this.#nextNode());
    if (options.isStream === true) url.pathname += "/stream";
    const query = new URLSearchParams(options.query);
    if (options.clientId !== undefined) query.set("client_id", options.clientId);
    if (options.sessionId !== undefined) query.set("session_id", options.sessionId);
    if (options.arePositionsOwn === true) query.set("positions", "client");
    url.search = query.toString();
    return url;
  }

  #nextNode(): number {
    if (!this.target.isSpread) return 0;
    this.#addressCount += 1;
    return this.#addressCount % this.target.urls.length;
  }

  #headers(options: Pick<ConnectOptions, "token"> & { readonly headers?: unknown }): Record<string, string> {
    const token = options.token === undefined ? this.target.token : options.token;
    const sign = token === undefined || token === null ? {} : { authorization: `Bearer ${token}` };
    return { ...sign, ...(options.headers as Record<string, string> | undefined) };
  }
}

function isAboutWebSockets(options: ConnectOptions): boolean {
  const { isStream, answersPings, protocols, query, headers } = options;
  return [isStream, answersPings, protocols, query, headers].some((value) => value !== undefined);
}

function hideToken(search: string): string {
  return search.replace(/token=[^&]+/, "token=…");
}
