import type { Trial } from "../trial/trial.ts";
import { RemoteClient } from "../workload/remote-client.ts";
import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore } from "./stores.ts";

const CLIENT_COUNT = 2;
const MAX_LIFE_MS = 400;

export const clientKilled: FaultClass = {
  name: "client-killed",
  title: "Client SIGKILL, as when a tab is closed; a new process resumes from the stored cursor",
  injection: "kill -9 of a client's process at a random moment",
  holds: ["C1", "C2", "C3", "C4", "C5", "C7"],
  releaseRoundCount: 2_000,
  roundsPerTrial: 10,
  cluster: anyDurableStore,
  async prepare(trial) {
    for (let index = 0; index < CLIENT_COUNT; index += 1) addRemote(trial, index);
    await trial.until("the clients to read", () =>
      trial.remotes.every((remote) => remote.standings().size > 0),
    );
    return undefined;
  },
  async round(trial, dice) {
    const remote = dice.pick(trial.remotes);
    await lasting(dice.between(0, MAX_LIFE_MS));
    await remote.kill();
    remote.start();
  },
};

function addRemote(trial: Trial, index: number): void {
  const { nodes } = trial.cluster;
  const remote = new RemoteClient({
    name: `tab-${index}`,
    folder: trial.folder,
    port: nodes[index % nodes.length]!.entry.port,
    channels: trial.channels,
    timing: trial.timing,
  });
  trial.remotes.push(remote);
  remote.start();
}
