import type { Dice } from "../../sim/dice.ts";
import type { ConnectionFaults, CutKind } from "../proxy/connection-faults.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

/** A handshake has about 300 bytes each way, the answers to a resume some hundreds more. */
const MAX_BYTES_OF_NEXT = 1_500;
const MAX_BYTES_OF_OPEN = 3_000;

export const cut: FaultClass = {
  name: "cut",
  title: "Cut at a random byte, inside a handshake, a frame or the answer to a resume",
  injection: "FIN or RST by the proxy between clients and nodes",
  holds: ["C1", "C2", "C3", "C4", "C5", "C15"],
  releaseRoundCount: 5_000,
  roundsPerTrial: 25,
  cluster: anyDurableStore,
  async round(trial, dice) {
    const entries = trial.cluster.nodes.map(({ entry }) => entry);
    const cutCount = entries.reduce((sum, entry) => sum + entry.connections.length, 0);
    const acceptedCount = () => entries.reduce((sum, entry) => sum + entry.acceptedCount, 0);
    const beforeCount = acceptedCount();
    for (const entry of entries) {
      for (const connection of entry.connections) connection.faults = cutAfter(dice, MAX_BYTES_OF_OPEN);
      entry.setFaultsOfNext(() => (dice.chance(0.5) ? cutAfter(dice, MAX_BYTES_OF_NEXT) : {}));
    }
    await trial.until("the cuts", () => acceptedCount() >= beforeCount + cutCount);
  },
};

function cutAfter(dice: Dice, maxBytes: number): ConnectionFaults {
  const kind: CutKind = dice.pick(["fin", "rst"]);
  const faults = { cut: { afterBytes: dice.between(0, maxBytes), kind } };
  return dice.chance(0.5) ? { toServer: faults } : { toClient: faults };
}
