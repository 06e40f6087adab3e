/**
 * A TCP proxy on 127.0.0.1 that does to its connections what networks do. It stands between a client and a node, a node and
 * Redis, a master and its replica; who is behind it may change while it runs.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { systemClock } from "../../packages/server/src/platform/system-clock.ts";
import { Dice } from "../../sim/dice.ts";
import type { Admission, ConnectionFaults, CutKind } from "./connection-faults.ts";
import type { ProxyClock } from "./direction.ts";
import { ProxiedConnection } from "./proxied-connection.ts";

export interface FaultProxyOptions {
  /** Nobody there: who connects is refused. */
  readonly targetPort?: number | undefined;
  readonly seed: number;
  readonly clock?: ProxyClock;
  /** Texts to look for in what clients send; see `ProxiedConnection.toServer.hasSeen`. */
  readonly watchFor?: readonly string[];
}

export class FaultProxy {
  /** Who is behind the proxy for connections from now on. */
  targetPort: number | undefined;
  admission: Admission = "forward";
  readonly #listener: Server;
  readonly #clock: ProxyClock;
  readonly #seed: number;
  readonly #watchFor: readonly string[];
  readonly #connections = new Set<ProxiedConnection>();
  /** Connections that were accepted and are not forwarded. */
  readonly #ignored = new Set<Socket>();
  #faults: ConnectionFaults = {};
  #acceptedCount = 0;
  #faultsOf: ((number: number) => ConnectionFaults) | undefined;

  private constructor(options: FaultProxyOptions) {
    this.targetPort = options.targetPort;
    this.#seed = options.seed;
    this.#clock = options.clock ?? systemClock;
    this.#watchFor = options.watchFor ?? [];
    this.#listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#listener.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections];
  }

  /** Connections that have come so far. */
  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  /** For the connections that there are and those that come. */
  setFaults(faults: ConnectionFaults): void {
    this.#faults = faults;
    this.#faultsOf = undefined;
    for (const connection of this.#connections) connection.faults = faults;
  }

  /** For connections that come from now on, each by its number. */
  setFaultsOfNext(faultsOf: (number: number) => ConnectionFaults): void {
    this.#faultsOf = faultsOf;
  }

  /** No faults any more. What was held back passes now; what is ignored or cut stays so. */
  heal(): void {
    this.admission = "forward";
    this.setFaults({});
    for (const socket of this.#ignored) socket.resetAndDestroy();
  }

  cutAll(kind: CutKind): void {
    for (const connection of this.#connections) connection.cut(kind);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.cutAll("rst");
    for (const socket of this.#ignored) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.#acceptedCount += 1;
    client.on("error", () => {});
    if (this.admission === "ignore") return this.#ignore(client);
    if (this.admission === "refuse" || this.targetPort === undefined) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const number = this.#acceptedCount;
    const connection = new ProxiedConnection({
      number,
      client,
      server,
      clock: this.#clock,
      dice: new Dice(this.#seed * 1_000 + number),
      onOver: () => this.#connections.delete(connection),
    });
    for (const text of this.#watchFor) connection.toServer.watchFor(text);
    connection.faults = this.#faultsOf?.(number) ?? this.#faults;
    this.#connections.add(connection);
  }

  #ignore(client: Socket): void {
    client.pause();
    this.#ignored.add(client);
    client.on("close", () => this.#ignored.delete(client));
  }
}
