import { Gate } from "../workload/gate.ts";
import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const MEBIBYTE = 1024 * 1024;
const MESSAGE_CHARS = 20_000;
const MESSAGE_COUNT = 100;

export const slowConsumers: FaultClass = {
  name: "slow-consumers",
  title: "Slow consumers that never read",
  injection: "the proxy takes nothing from the server for one client of four, while 2 MB are published",
  holds: ["C13", "C14"],
  releaseRoundCount: 100,
  roundsPerTrial: 5,
  cluster: anyDurableStore,
  checks: { maxRssBytes: 400 * MEBIBYTE },
  async round(trial, dice) {
    const slow = dice.pick(trial.actors);
    const others = trial.actors.filter((actor) => actor !== slow);
    const gate = await Gate.open(trial, slow.name);
    try {
      for (const socket of trial.network.socketsOf(slow.name)) socket.terminate();
      await trial.until(
        "the slow client to come through its gate",
        () => slow.isOnline && gate.proxy.connections.length > 0,
      );
      gate.proxy.setFaults({ toClient: { isHeld: true } });
      for (let count = 0; count < MESSAGE_COUNT; count += 1) {
        const text = `${dice.random.id(12)}${"x".repeat(MESSAGE_CHARS)}`;
        dice.pick(others).publish(trial.channels[0]!, text);
      }
      await trial.untilBusy(dice);
      await trial.caughtUp(others);
      gate.letIn();
      await trial.caughtUp();
    } finally {
      await gate.remove();
    }
  },
};
