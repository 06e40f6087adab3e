import type { FaultClass } from "./fault-class.ts";
import { anyDurableStore } from "./stores.ts";

const RESUME_COUNT = 10;

export const repeatedResume: FaultClass = {
  name: "repeated-resume",
  title: "Resume 10 times in a row with nothing new",
  injection: "the work rests, and every connection is dropped again as soon as all are back",
  holds: ["C3", "C4"],
  releaseRoundCount: 2_000,
  roundsPerTrial: 10,
  cluster: anyDurableStore,
  async round(trial) {
    trial.load.stop();
    await trial.until("the work to rest", () => trial.actors.every((actor) => actor.unanswered.length === 0));
    await trial.caughtUp();
    for (let count = 0; count < RESUME_COUNT; count += 1) {
      const sockets = trial.network.socketsOf();
      for (const socket of sockets) socket.terminate();
      await trial.until("everyone to be back", () =>
        trial.actors.every(
          ({ name, isOnline }) =>
            isOnline && trial.network.socketsOf(name).some((socket) => !sockets.includes(socket)),
        ),
      );
    }
    trial.load.start();
  },
};
