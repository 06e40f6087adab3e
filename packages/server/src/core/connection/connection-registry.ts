/** Who is connected to this node. */
import type { Connection } from "./connection.ts";

export class ConnectionRegistry {
  readonly #byId = new Map<string, Connection>();
  readonly #byClient = new Map<string, Set<Connection>>();

  register(connection: Connection): void {
    this.#byId.set(connection.id, connection);
    const key = clientKey(connection.identity.tenant, connection.identity.clientId);
    const ofClient = this.#byClient.get(key);
    if (ofClient === undefined) this.#byClient.set(key, new Set([connection]));
    else ofClient.add(connection);
  }

  unregister(connection: Connection): void {
    this.#byId.delete(connection.id);
    const key = clientKey(connection.identity.tenant, connection.identity.clientId);
    const ofClient = this.#byClient.get(key);
    ofClient?.delete(connection);
    if (ofClient?.size === 0) this.#byClient.delete(key);
  }

  get(connectionId: string): Connection | undefined {
    return this.#byId.get(connectionId);
  }

  get count(): number {
    return this.#byId.size;
  }

  get clientCount(): number {
    return this.#byClient.size;
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  all(): Iterable<Connection> {
    return this.#byId.values();
  }

  ofClient(tenant: string, clientId: string): Connection[] {
    return [...(this.#byClient.get(clientKey(tenant, clientId)) ?? [])];
  }
}

function clientKey(tenant: string, clientId: string): string {
  return `${tenant}\u0000${clientId}`;
}
