/** A way into the cluster for one client alone, so that what happens to its connections happens to nobody else's. */
import { FaultProxy } from "../proxy/fault-proxy.ts";
import type { Trial } from "../trial/trial.ts";

export class Gate {
  readonly clientName: string;
  readonly proxy: FaultProxy;
  readonly #trial: Trial;

  private constructor(trial: Trial, clientName: string, proxy: FaultProxy) {
    this.#trial = trial;
    this.clientName = clientName;
    this.proxy = proxy;
  }

  /** The client goes through it from its next connection on. */
  static async open(trial: Trial, clientName: string): Promise<Gate> {
    const [node] = trial.cluster.nodes;
    const proxy = await FaultProxy.start({
      targetPort: node!.entry.port,
      seed: trial.dice.between(1, 1_000_000),
    });
    const gate = new Gate(trial, clientName, proxy);
    trial.network.choosePort = (name) => (name === clientName ? proxy.port : undefined);
    return gate;
  }

  /** The client loses its connection and gets no other until `letIn`. */
  shut(): void {
    this.proxy.admission = "refuse";
    for (const socket of this.#trial.network.socketsOf(this.clientName)) socket.terminate();
  }

  letIn(): void {
    this.proxy.heal();
  }

  /** The client goes back to the usual way. */
  async remove(): Promise<void> {
    this.#trial.network.choosePort = undefined;
    await this.proxy.close();
  }
}
