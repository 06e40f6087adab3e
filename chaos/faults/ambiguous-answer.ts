import { eventually } from "../../e2e/support/wait.ts";
import type { FaultProxy } from "../proxy/fault-proxy.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const REQUEST_TIMEOUT_MS = 5_000;

export const ambiguousAnswer: FaultClass = {
  name: "ambiguous-answer",
  title: "Ambiguous answer: cut after the request, before the reply",
  injection: "the proxy lets requests pass, holds back what is answered, and resets the connections",
  holds: ["C2", "C9"],
  releaseRoundCount: 3_000,
  roundsPerTrial: 25,
  cluster: anyDurableStore,
  async round(trial, dice) {
    const nodes = trial.cluster.nodes;
    const proxies = nodes.flatMap(({ entry, storeLink }) =>
      storeLink && dice.chance(0.5) ? [storeLink] : [entry],
    );
    await Promise.all(proxies.map((proxy) => cutBeforeReply(proxy, dice.between(1, 2_000))));
  },
};

/** Connections that say nothing have nothing to be answered. */
async function cutBeforeReply(proxy: FaultProxy, requestBytes: number): Promise<void> {
  const passedBytes = () => proxy.connections.reduce((sum, { toServer }) => sum + toServer.passedBytes, 0);
  const beforeBytes = passedBytes();
  proxy.setFaults({ toClient: { isHeld: true } });
  await eventually(
    REQUEST_TIMEOUT_MS,
    "requests to pass",
    () => passedBytes() >= beforeBytes + requestBytes || undefined,
    () => `${passedBytes() - beforeBytes} of ${requestBytes} bytes`,
  ).catch(() => undefined);
  proxy.cutAll("rst");
  proxy.setFaults({});
}
