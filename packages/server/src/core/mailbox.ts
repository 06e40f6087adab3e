/** Messages of the application itself: to one connection, to a client, to everyone. */
import { errorCodeOf, TachikomaError } from "@tachikoma/protocol";
import type { NewRecord } from "../stores/store.ts";
import type { ConnectionRegistry } from "./connection/connection-registry.ts";
import { checkRecordSize, type LogHub } from "./log/log-hub.ts";
import type { NamespaceTable } from "./namespace.ts";
import { ALL_INBOX, clientInbox, sessionInbox } from "./session/inbox.ts";

export interface MailboxOptions {
  readonly hub: LogHub;
  readonly connections: ConnectionRegistry;
  readonly namespaces: NamespaceTable;
}

export class Mailbox {
  readonly #options: MailboxOptions;

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /**
   * Sends to the session behind one connection: if the connection drops first, the session gets it when it resumes.
   *
   * @throws CONNECTION_NOT_FOUND, CONNECTION_CLOSED, RECORD_TOO_LARGE, SEND_FAILED
   */
  async send(connectionId: string, data: unknown): Promise<void> {
    const connection = this.#options.connections.get(connectionId);
    if (connection === undefined) {
      throw new TachikomaError(
        "CONNECTION_NOT_FOUND",
        `There is no connection ${JSON.stringify(connectionId)}`,
      );
    }
    if (connection.isClosed)
      throw new TachikomaError("CONNECTION_CLOSED", `Connection ${connectionId} is closed`);
    await this.#append(connection.identity.tenant, sessionInbox(connection.session.id), data, []);
  }

  /** Sends to every session of a client, connected now or not. */
  async sendToClient(tenant: string, clientId: string, data: unknown): Promise<void> {
    await this.#append(tenant, clientInbox(clientId), data, []);
  }

  /** Sends to every session of a tenant but those behind the connections that are excluded. */
  async broadcast(tenant: string, data: unknown, excludedConnectionIds: readonly string[]): Promise<void> {
    const sessionIds = excludedConnectionIds.map((id) => this.#options.connections.get(id)?.session.id);
    const exclude = sessionIds.filter((id) => id !== undefined);
    await this.#append(tenant, ALL_INBOX, data, exclude);
  }

  async #append(tenant: string, channel: string, data: unknown, exclude: readonly string[]): Promise<void> {
    const body = JSON.stringify(data ?? null);
    checkRecordSize(body, channel, this.#options.namespaces.configOf(channel).maxRecordBytes);
    const record: NewRecord = { type: "message", body, ...(exclude.length === 0 ? {} : { exclude }) };
    try {
      await this.#options.hub.append({ tenant, channel }, [record]);
    } catch (cause) {
      const detail = errorCodeOf(cause) ?? "INTERNAL";
      throw new TachikomaError("SEND_FAILED", `The message to ${channel} could not be stored: ${detail}`, {
        cause,
      });
    }
  }
}
