/** Who is connected to this node, and how many connections a client may have. */
import { TachikomaError } from "@tachikoma/protocol";
import type { Connection } from "./connection.ts";

/** A place that was taken before the handshake, so that racing upgrades cannot share the last one. */
export interface Reservation {
  /** Gives the place back. Does nothing the second time. */
  release(): void;
}

export class ConnectionRegistry {
  readonly #maxPerClient: number;
  readonly #byId = new Map<string, Connection>();
  readonly #byClient = new Map<string, Set<Connection>>();
  /** Places taken by client, connected or about to be. */
  readonly #placesTaken = new Map<string, number>();
  #placeCount = 0;

  constructor(maxPerClient: number) {
    this.#maxPerClient = maxPerClient;
  }

  /**
   * Takes one of the client's places, in one step.
   *
   * @param isReplacing true when the new connection will close one of the same client: it may use that one's place.
   * @throws TOO_MANY_CONNECTIONS
   */
  reserve(tenant: string, clientId: string, isReplacing: boolean): Reservation {
    const key = clientKey(tenant, clientId);
    const taken = this.#placesTaken.get(key) ?? 0;
    const limit = this.#maxPerClient + (isReplacing ? 1 : 0);
    if (taken >= limit) {
      throw new TachikomaError(
        "TOO_MANY_CONNECTIONS",
        `Maximum ${this.#maxPerClient} connections per client`,
      );
    }
    this.#placesTaken.set(key, taken + 1);
    this.#placeCount += 1;
    let isHeld = true;
    return {
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#placeCount -= 1;
        const left = (this.#placesTaken.get(key) ?? 1) - 1;
        if (left === 0) this.#placesTaken.delete(key);
        else this.#placesTaken.set(key, left);
      },
    };
  }

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

  /** Places taken by all clients, connected or about to be. */
  get placeCount(): number {
    return this.#placeCount;
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
