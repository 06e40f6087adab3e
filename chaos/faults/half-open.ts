import { BLACK_HOLE } from "../proxy/connection-faults.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

export const halfOpen: FaultClass = {
  name: "half-open",
  title: "Half-open: a black hole from client to server, from server to client, or both ways",
  injection: "the proxy holds back every byte of the connections that are open; new ones pass",
  holds: ["C3", "C4", "C5", "C13"],
  releaseRoundCount: 1_000,
  roundsPerTrial: 10,
  cluster: anyDurableStore,
  async round(trial, dice) {
    const faults = dice.pick([{ toServer: { isHeld: true } }, { toClient: { isHeld: true } }, BLACK_HOLE]);
    const held = new Set(trial.network.socketsOf().map(({ id }) => id));
    for (const { entry } of trial.cluster.nodes) {
      entry.setFaults(faults);
      entry.setFaultsOfNext(() => ({}));
    }
    // Both sides find out by themselves, and the clients come back over other connections.
    await trial.until("every client on a new connection", () =>
      trial.actors.every(
        (actor) => actor.isOnline && trial.network.socketsOf(actor.name).some(({ id }) => !held.has(id)),
      ),
    );
  },
};
