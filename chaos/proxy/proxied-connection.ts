import type { Socket } from "node:net";
import type { Dice } from "../../sim/dice.ts";
import type { ConnectionFaults, CutKind } from "./connection-faults.ts";
import { Direction, type ProxyClock } from "./direction.ts";

export interface ProxiedConnectionOptions {
  /** Counts up from 1 in the order in which connections came. */
  readonly number: number;
  readonly client: Socket;
  readonly server: Socket;
  readonly clock: ProxyClock;
  readonly dice: Dice;
  readonly onOver: () => void;
}

export class ProxiedConnection {
  readonly number: number;
  readonly toServer: Direction;
  readonly toClient: Direction;
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #onOver: () => void;
  #closedCount = 0;
  #faults: ConnectionFaults = {};

  constructor(options: ProxiedConnectionOptions) {
    const { client, server } = options;
    this.number = options.number;
    this.#client = client;
    this.#server = server;
    this.#onOver = options.onOver;
    this.toServer = this.#direction(client, server, options);
    this.toClient = this.#direction(server, client, options);
    this.#watch(client, this.toServer);
    this.#watch(server, this.toClient);
  }

  get isOver(): boolean {
    return this.#closedCount === 2;
  }

  get faults(): ConnectionFaults {
    return this.#faults;
  }

  set faults(faults: ConnectionFaults) {
    this.#faults = faults;
    this.toServer.faults = faults.toServer ?? {};
    this.toClient.faults = faults.toClient ?? {};
  }

  /** Ends the connection for both sides: in an orderly way in the middle of whatever was said, or without a word. */
  cut(kind: CutKind): void {
    this.toServer.stop();
    this.toClient.stop();
    for (const socket of [this.#client, this.#server]) {
      if (kind === "fin") socket.destroySoon();
      else socket.resetAndDestroy();
    }
  }

  #direction(from: Socket, to: Socket, { clock, dice }: ProxiedConnectionOptions): Direction {
    return new Direction({
      from,
      to,
      clock,
      dice,
      onCut: (kind) => this.cut(kind),
      onReset: () => to.resetAndDestroy(),
    });
  }

  #watch(socket: Socket, outward: Direction): void {
    // An error is followed by the close.
    socket.on("error", () => {});
    socket.on("close", (hadError) => {
      this.#closedCount += 1;
      if (hadError) outward.reset();
      if (this.isOver) this.#onOver();
    });
  }
}
