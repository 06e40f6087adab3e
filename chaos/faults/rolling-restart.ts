import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const SERVICE_RESTART = 1012;
/** What a client says that leaves by itself, because it was asked to come back later. */
const LEFT_BY_ITSELF = [1000, 1005];

export const rollingRestart: FaultClass = {
  name: "rolling-restart",
  title: "Rolling restart under load",
  injection: "SIGTERM of one `tachikoma serve` after the other, each started again when it has ended",
  holds: ["C1", "C2", "C3", "C4", "C5", "C15"],
  releaseRoundCount: 200,
  roundsPerTrial: 3,
  cluster: (dice) => ({ ...anyDurableStore(dice), program: "serve" }),
  async round(trial) {
    for (const node of trial.cluster.nodes) {
      await node.terminate();
      await node.start();
      await trial.caughtUp();
    }
  },
  judge({ network }) {
    const allowed = [SERVICE_RESTART, ...LEFT_BY_ITSELF];
    return network.closed
      .filter(({ code, wasOpen }) => wasOpen && !allowed.includes(code))
      .map(({ client, code }) => `a connection of ${client} ended with ${code} in a rolling restart`);
  },
};
