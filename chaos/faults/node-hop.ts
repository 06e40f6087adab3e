import type { FaultClass } from "./fault-class.ts";
import { REDIS, redisMissing } from "./stores.ts";

const HOP_COUNT = 3;

export const nodeHop: FaultClass = {
  name: "node-hop",
  title: "Node hop at every reconnect",
  injection: "connections are dropped, and each client comes back at a random node",
  holds: ["C1", "C2", "C3", "C4", "C5", "C6", "C7"],
  releaseRoundCount: 2_000,
  roundsPerTrial: 20,
  cluster: () => ({ ...REDIS, nodeCount: 3 }),
  obstacle: redisMissing,
  async round(trial, dice) {
    trial.network.choosePort = () => dice.pick(trial.cluster.nodes).entry.port;
    for (let count = 0; count < HOP_COUNT; count += 1) {
      const sockets = trial.network.socketsOf();
      for (const socket of sockets) socket.terminate();
      await trial.until("everyone at some node", () =>
        trial.actors.every(
          ({ name, isOnline }) =>
            isOnline && trial.network.socketsOf(name).some((socket) => !sockets.includes(socket)),
        ),
      );
    }
  },
};
