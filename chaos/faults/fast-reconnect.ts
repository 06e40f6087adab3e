import type { Dice } from "../../sim/dice.ts";
import type { Trial } from "../trial/trial.ts";
import { raceForSession } from "../workload/session-race.ts";
import type { FaultClass } from "./fault-class.ts";
import { lasting } from "./pause.ts";
import { anyDurableStore } from "./stores.ts";

const SESSION_TAKEN_OVER = 4409;
const MAX_CUT_COUNT = 8;
const MAX_PAUSE_MS = 50;

export const fastReconnect: FaultClass = {
  name: "fast-reconnect",
  title: "Fast reconnects, also before the first message; two sockets racing for one session",
  injection:
    "connections are dropped again and again within 0 to 50 ms; two upgrades with one session id at once",
  holds: ["C1", "C2", "C3", "C4"],
  releaseRoundCount: 5_000,
  roundsPerTrial: 25,
  cluster: anyDurableStore,
  async round(trial, dice) {
    await Promise.all([dropAgainAndAgain(trial, dice), race(trial, dice)]);
  },
};

async function dropAgainAndAgain(trial: Trial, dice: Dice): Promise<void> {
  const cutCount = dice.between(1, MAX_CUT_COUNT);
  for (let count = 0; count < cutCount; count += 1) {
    for (const socket of trial.network.socketsOf()) if (dice.chance(0.7)) socket.terminate();
    await lasting(dice.between(0, MAX_PAUSE_MS));
  }
}

/** Exactly one connection of a session stays, and the other is told why it had to go. */
async function race(trial: Trial, dice: Dice): Promise<void> {
  const ports = Array.from({ length: 2 }, () => dice.pick(trial.cluster.nodes).entry.port);
  const outcome = await raceForSession(ports);
  if (outcome === undefined) return;
  const { openCount, codes } = outcome;
  if (openCount === 1 && codes.every((code) => code === SESSION_TAKEN_OVER)) return;
  trial.recorder.find(
    "session-race",
    `${openCount} connections of one session are open, closed with ${codes}`,
  );
}
