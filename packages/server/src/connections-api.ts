/** The connection manager as applications see it. */
import { TachikomaError } from "@tachikoma/protocol";
import type { Connection } from "./core/connection/connection.ts";
import { DEFAULT_TENANT } from "./core/identity.ts";
import type { SessionServer } from "./core/session-server.ts";

/** What is known of one connection. */
export interface ConnectionInfo {
  readonly connectionId: string;
  readonly sessionId: string;
  readonly clientId: string;
  readonly tenant: string;
  readonly subject: string;
  readonly userAgent: string | undefined;
  /** Of the socket's other end. */
  readonly address: string | undefined;
  readonly receivedMessageCount: number;
  readonly sentMessageCount: number;
  readonly receivedByteCount: number;
  readonly sentByteCount: number;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** When it was last heard of, in milliseconds since 1970. */
  readonly lastActivityAtMs: number;
  readonly ageMs: number;
  readonly channels: readonly string[];
}

export interface ClientScope {
  /** @default "default" */
  readonly tenant?: string;
}

export interface BroadcastOptions extends ClientScope {
  /** Connections whose sessions do not get it. */
  readonly exclude?: readonly string[];
}

export class Connections {
  readonly #core: () => SessionServer;
  readonly #nowMs: () => number;

  constructor(core: () => SessionServer, nowMs: () => number) {
    this.#core = core;
    this.#nowMs = nowMs;
  }

  get count(): number {
    return this.#core().connections.count;
  }

  /** Clients with a connection. */
  get clientCount(): number {
    return this.#core().connections.clientCount;
  }

  ids(): string[] {
    return this.#core().connections.ids();
  }

  get(connectionId: string): ConnectionInfo | undefined {
    const connection = this.#core().connections.get(connectionId);
    return connection === undefined ? undefined : this.#infoOf(connection);
  }

  list(): ConnectionInfo[] {
    return [...this.#core().connections.all()].map((connection) => this.#infoOf(connection));
  }

  ofClient(clientId: string, scope: ClientScope = {}): ConnectionInfo[] {
    const found = this.#core().connections.ofClient(scope.tenant ?? DEFAULT_TENANT, clientId);
    return found.map((connection) => this.#infoOf(connection));
  }

  /**
   * Sends a message to the session behind a connection. Resolves when it is stored: it arrives now, or when the session resumes.
   *
   * @throws CONNECTION_NOT_FOUND, CONNECTION_CLOSED, RECORD_TOO_LARGE, SEND_FAILED
   */
  async send(connectionId: string, data: unknown): Promise<void> {
    await this.#core().mailbox.send(connectionId, data);
  }

  /** Sends a message to every session of a client, those that are away included. @throws SEND_FAILED */
  async sendToClient(clientId: string, data: unknown, scope: ClientScope = {}): Promise<void> {
    await this.#core().mailbox.sendToClient(scope.tenant ?? DEFAULT_TENANT, clientId, data);
  }

  /** Sends a message to every session of a tenant. @throws SEND_FAILED */
  async broadcast(data: unknown, options: BroadcastOptions = {}): Promise<void> {
    await this.#core().mailbox.broadcast(options.tenant ?? DEFAULT_TENANT, data, options.exclude ?? []);
  }

  /** Closes a connection; its session can be resumed. @throws CONNECTION_NOT_FOUND */
  disconnect(connectionId: string): void {
    const connection = this.#core().connections.get(connectionId);
    if (connection === undefined) {
      throw new TachikomaError(
        "CONNECTION_NOT_FOUND",
        `There is no connection ${JSON.stringify(connectionId)}`,
      );
    }
    connection.close("SERVER_GOING_AWAY", "Closed by the application");
  }

  #infoOf(connection: Connection): ConnectionInfo {
    const { identity, peer } = connection;
    return {
      connectionId: connection.id,
      sessionId: connection.session.id,
      clientId: identity.clientId,
      tenant: identity.tenant,
      subject: identity.subject,
      userAgent: peer.userAgent,
      address: peer.address,
      receivedMessageCount: connection.receivedMessageCount,
      sentMessageCount: connection.sentMessageCount,
      receivedByteCount: connection.receivedByteCount,
      sentByteCount: connection.sentByteCount,
      createdAtMs: connection.createdAtMs,
      lastActivityAtMs: connection.lastActivityAtMs,
      ageMs: this.#nowMs() - connection.createdAtMs,
      channels: [...connection.subscriptions.channels()],
    };
  }
}
