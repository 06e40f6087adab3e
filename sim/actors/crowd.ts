/** One client that opens connection after connection, as many as it is let, and does nothing with them. */
import type { ActorSocket, ActorWorld } from "./actor-world.ts";

export const CROWD_NAME = "crowd";

export class Crowd {
  readonly #world: ActorWorld;
  #sockets: ActorSocket[] = [];

  constructor(world: ActorWorld) {
    this.#world = world;
  }

  open(): void {
    const WebSocket = this.#world.network.webSocketFor(CROWD_NAME);
    const socket = new WebSocket(`ws://sim/ws?client_id=${CROWD_NAME}`);
    this.#sockets.push(socket);
    socket.onclose = () => {
      this.#sockets = this.#sockets.filter((other) => other !== socket);
    };
  }

  /** Leaves with the connection that it has had longest. */
  close(): void {
    this.#sockets.shift()?.close(1000);
  }
}
