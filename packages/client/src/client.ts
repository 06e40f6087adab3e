import {
  encodeMessage,
  RESERVED_PREFIX,
  type ServerMessage,
  type ServerMessageOf,
} from "@tachikoma/protocol";
import { addressWith, parseAddress } from "./address.ts";
import type {
  AttachOptions,
  Channel,
  ClientEvents,
  ConnectionStatus,
  ExecuteOptions,
  Execution,
  SessionInfo,
  TachikomaClient,
  Unsubscribe,
} from "./api.ts";
import { ClientChannel } from "./channel/channel.ts";
import { Channels } from "./channel/channels.ts";
import { ClientError, errorFromWire } from "./client-error.ts";
import { CommandQueue } from "./commands/command-queue.ts";
import { request } from "./commands/command-result.ts";
import { type ConnectionState, NORMAL_CLOSE_CODE } from "./connection/connection-state.ts";
import { ConnectionDriver } from "./connection/driver.ts";
import { Listeners } from "./events.ts";
import { FollowedExecution } from "./execution/execution.ts";
import type { ExecutionLink } from "./execution/execution-link.ts";
import { startExecution } from "./execution/start-execution.ts";
import { type ConnectOptions, connectionSettings, DEFAULT_MAX_QUEUED_COMMANDS } from "./options.ts";
import { platformPorts } from "./platform.ts";
import type { Ports } from "./ports.ts";
import { Inboxes } from "./session/inboxes.ts";
import { SessionMemory } from "./session/session-memory.ts";
import { createTransports, type Transports } from "./transport/transports.ts";

/**
 * Connects to a Tachikoma server and stays connected until `close()`.
 *
 * @param url `wss://host`, or `/` for the server of this page. Without a path, `/ws` is meant.
 * @throws TypeError when the url is none, or where there is no WebSocket; RangeError when a number is out of range.
 * @example
 * const tachikoma = connect("wss://example.com", { token: () => fetchToken() });
 * const run = tachikoma.channel("chat:42").execute("chat", { messages });
 * for await (const chunk of run) show(chunk);
 */
export function connect(url: string, options: ConnectOptions = {}): TachikomaClient {
  const client = new Client(url, options);
  client.connect();
  return client;
}

/** Enough to keep the ids of two pages of one client apart. */
const ID_PREFIX_CHARS = 12;

class Client implements TachikomaClient {
  readonly #base: URL;
  readonly #token: ConnectOptions["token"];
  readonly #ports: Ports;
  readonly #listeners: Listeners<ClientEvents>;
  readonly #memory: SessionMemory;
  readonly #transports: Transports;
  readonly #commands: CommandQueue;
  readonly #channels: Channels;
  readonly #inboxes: Inboxes;
  readonly #driver: ConnectionDriver;
  readonly #link: ExecutionLink;
  readonly #idPrefix: string;
  #idCount = 0;
  #hasBeenWelcomed = false;
  #isTelling = false;
  #shownStatus: ConnectionStatus;

  constructor(url: string, options: ConnectOptions) {
    const settings = connectionSettings(options);
    this.#base = parseAddress(url);
    this.#token = options.token;
    this.#ports = platformPorts(options.ports);
    this.#idPrefix = this.#ports.random.id(ID_PREFIX_CHARS);
    const fail = (thrown: unknown) => this.#fail(thrown);
    const onThrown = (thrown: unknown) => this.#threw(thrown);
    this.#listeners = new Listeners(onThrown);
    this.#memory = new SessionMemory(options, fail);
    this.#transports = createTransports(options, this.#ports, {
      address: () => this.#address(),
      better: () => this.#driver.dispatch({ type: "reconnectAsked", inMs: 0 }),
    });
    const maxQueuedCommands = options.maxQueuedCommands ?? DEFAULT_MAX_QUEUED_COMMANDS;
    this.#commands = new CommandQueue(maxQueuedCommands, (text) => this.#driver.send(text), this.#ports);
    const nextId = () => this.#nextId();
    this.#channels = new Channels({
      nextId,
      send: (message) => this.#driver.send(encodeMessage(message)),
      distrust: (reason) => {
        this.#fail(new ClientError("INTERNAL", `The connection was given up: ${reason}`));
        this.#driver.dispatch({ type: "drop" });
      },
    });
    this.#inboxes = new Inboxes({
      channels: this.#channels,
      memory: this.#memory,
      message: (message) => this.#listeners.emit("message", message),
      reset: (reset) => this.#listeners.emit("reset", reset),
      failed: fail,
    });
    this.#link = { channels: this.#channels, commands: this.#commands, nextId, onThrown };
    this.#driver = new ConnectionDriver(this.#ports, settings, {
      address: () => this.#address(),
      open: (address) => this.#transports.open(address),
      welcomed: (message) => this.#welcomed(message),
      message: (message) => this.#received(message),
      lost: () => this.#lost(),
      forgetSession: () => this.#memory.forget(),
      changed: (state) => this.#changed(state),
      failed: fail,
      threw: onThrown,
    });
    this.#shownStatus = this.status;
  }

  get status(): ConnectionStatus {
    return statusOf(this.#driver.state);
  }

  get session(): SessionInfo | undefined {
    return this.#memory.info;
  }

  on<Name extends keyof ClientEvents>(
    event: Name,
    listener: (value: ClientEvents[Name]) => void,
  ): Unsubscribe {
    return this.#listeners.on(event, listener);
  }

  connect(): void {
    this.#driver.dispatch({ type: "connect" });
  }

  disconnect(): void {
    this.#driver.dispatch({ type: "disconnect" });
  }

  close(): void {
    this.#driver.dispatch({ type: "close" });
  }

  dropConnection(): void {
    this.#driver.dispatch({ type: "drop" });
  }

  channel(name: string): Channel {
    // The server looks closer; this would be one of its own inboxes.
    if (name.startsWith(RESERVED_PREFIX)) {
      throw new ClientError(
        "INVALID_CHANNEL",
        `Channel names that start with ${RESERVED_PREFIX} are reserved`,
      );
    }
    return new ClientChannel(name, this.#link, {
      signal: (data) => this.#signal(name, data),
      assertOpen: () => this.#assertOpen(),
    });
  }

  execute(handler: string, input: unknown, options: ExecuteOptions = {}): Execution {
    this.#assertOpen();
    return startExecution(this.#link, { handler, input, ...options });
  }

  execution(executionId: string, options: AttachOptions = {}): Execution {
    this.#assertOpen();
    const execution = new FollowedExecution(this.#link);
    execution.attach(executionId, options);
    return execution;
  }

  async request(action: string, payload?: unknown): Promise<unknown> {
    this.#assertOpen();
    return request(this.#commands, { type: "custom", id: this.#nextId(), action, payload });
  }

  #nextId(): string {
    this.#idCount += 1;
    return `${this.#idPrefix}-${this.#idCount.toString(36)}`;
  }

  #signal(channel: string, data: unknown): boolean {
    if (this.status.state !== "online") return false;
    this.#driver.send(encodeMessage({ type: "signal", channel, data }));
    return true;
  }

  #address(): string | Promise<string> {
    const loading = this.#memory.load();
    const preparing = this.#transports.prepare();
    const token = typeof this.#token === "function" ? this.#token() : this.#token;
    if (!loading && !preparing && !(token instanceof Promise)) return this.#addressWith(token);
    return Promise.all([token, loading, preparing]).then(([settled]) => this.#addressWith(settled));
  }

  #addressWith(token: string | undefined): string {
    const { clientId, sessionId } = this.#memory;
    return addressWith(this.#base, { clientId, sessionId, token });
  }

  #welcomed(message: ServerMessageOf<"welcome">): void {
    const { connectionId, sessionId, clientId, resumed, reason } = message;
    const hadSession = this.#memory.sessionId !== undefined;
    const info: SessionInfo = { connectionId, sessionId, clientId };
    this.#memory.welcomed(info);
    const deliveredFrom = this.#inboxes.welcomed(message);
    this.#listeners.emit("session", {
      ...info,
      resumed,
      inboxesRestarted: hadSession && !resumed,
      ...(reason !== undefined && { reason }),
    });
    // A listener may have disconnected, or even be back on another connection by now.
    if (this.#memory.info !== info || this.status.state !== "online") return;
    this.#channels.goOnline(deliveredFrom);
    if (this.#hasBeenWelcomed) this.#leaveUnwanted(message);
    this.#hasBeenWelcomed = true;
    this.#commands.goOnline();
  }

  /**
   * Subscriptions that ended here while there was no connection. Not on the first welcome of a page: what was followed before
   * it was loaded may be asked for again at any moment, and leaving could cancel an execution that nobody else watches.
   */
  #leaveUnwanted({ subscriptions }: ServerMessageOf<"welcome">): void {
    if (this.#channels.isExpectingChannel) return;
    for (const { channel, position } of subscriptions) {
      if (position === undefined || channel.startsWith(RESERVED_PREFIX) || this.#channels.has(channel))
        continue;
      this.#driver.send(encodeMessage({ type: "unsubscribe", id: this.#nextId(), channel }));
    }
  }

  #received(message: ServerMessage): void {
    switch (message.type) {
      case "receipt":
        this.#commands.onReceipt(message);
        return;
      case "custom":
        this.#commands.onAnswer(message);
        return;
      case "error":
        this.#refused(message);
        return;
      case "reconnect":
        this.#driver.dispatch({ type: "reconnectAsked", inMs: message.inMs });
        this.#listeners.emit("reconnect", { inMs: message.inMs, reason: message.reason });
        return;
      default:
        this.#channels.onMessage(message);
    }
  }

  #refused(message: ServerMessageOf<"error">): void {
    const error = errorFromWire(message);
    if (message.ref !== undefined && this.#commands.onError(message.ref, error)) return;
    if (this.#channels.onError(message, error)) return;
    // A channel that the server had left already is left.
    if (error.code !== "NOT_SUBSCRIBED") this.#fail(error);
  }

  #lost(): void {
    this.#channels.goOffline();
    this.#commands.goOffline();
  }

  #changed(state: ConnectionState): void {
    const status = statusOf(state);
    // The machine knows more than is shown: an application does not see the heartbeat at work.
    if (JSON.stringify(status) === JSON.stringify(this.#shownStatus)) return;
    this.#shownStatus = status;
    if (status.state === "closed") this.#ended(status.code, status.reason);
    this.#listeners.emit("status", status);
  }

  #ended(code: number, reason: string): void {
    const isOurs = code === NORMAL_CLOSE_CODE;
    const why = isOurs
      ? "The client is closed"
      : `The server closed the connection for good: ${code} ${reason}`;
    const error = new ClientError("CONNECTION_CLOSED", why.trim());
    this.#commands.failAll(error);
    this.#channels.endAll(isOurs ? undefined : error);
  }

  #assertOpen(): void {
    if (this.#driver.state.name === "closed") {
      throw new ClientError("CONNECTION_CLOSED", "The client is closed: make another with connect()");
    }
  }

  #fail(thrown: unknown): void {
    this.#listeners.emit("error", thrown instanceof Error ? thrown : new Error(String(thrown)));
  }

  /** A listener of the application threw. That is a fault in a program, so it is not kept quiet when nobody listens. */
  #threw(thrown: unknown): void {
    // A listener of `error` that throws must not be asked about its own error.
    if (this.#isTelling || !this.#listeners.has("error")) {
      this.#ports.reportError(thrown);
      return;
    }
    this.#isTelling = true;
    this.#fail(thrown);
    this.#isTelling = false;
  }
}

function statusOf(state: ConnectionState): ConnectionStatus {
  switch (state.name) {
    case "connecting":
      return { state: "connecting", attempt: state.failureCount + 1 };
    case "online":
    case "probing":
      return { state: "online" };
    case "waiting":
      return { state: "waiting", attempt: state.failureCount + 1, untilMs: state.untilMs };
    case "offline":
      return { state: "offline" };
    case "closed":
      return { state: "closed", code: state.code, reason: state.reason };
  }
}
