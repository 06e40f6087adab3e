import { spawnSync } from "node:child_process";
import type { Dice } from "../../sim/dice.ts";
import type { Trial } from "../trial/trial.ts";
import { crowd } from "../workload/crowd.ts";
import type { FaultClass } from "./fault-class.ts";
import { SQLITE } from "./stores.ts";

const MEBIBYTE = 1024 * 1024;
const HEAP_MIB = 96;
const MAX_FILES = 256;
const CROWD_SIZE = 400;
const MESSAGE_CHARS = 100_000;

export const memoryPressure: FaultClass = {
  name: "memory-pressure",
  title: "Memory pressure and few file descriptors",
  injection: `a heap of ${HEAP_MIB} MiB, ${MAX_FILES} file descriptors, ${CROWD_SIZE} connections and large messages`,
  holds: ["C14", "C15"],
  releaseRoundCount: 200,
  roundsPerTrial: 5,
  cluster: () => ({
    ...SQLITE,
    nodeFlags: [`--max-old-space-size=${HEAP_MIB}`],
    wrapper: ["prlimit", `--nofile=${MAX_FILES}`],
  }),
  obstacle: () => (spawnSync("prlimit", ["--version"]).status === 0 ? undefined : "there is no prlimit here"),
  checks: { maxRssBytes: 400 * MEBIBYTE, maxHeapBytes: (HEAP_MIB + 32) * MEBIBYTE },
  async round(trial, dice) {
    const node = trial.cluster.nodes[0]!;
    const people = crowd(node.entry.port, CROWD_SIZE);
    try {
      await people.tried();
      publishLarge(trial, dice);
      if (!node.isUp) trial.recorder.find("crash", "the node did not survive the crowd");
    } finally {
      people.leave();
    }
  },
};

function publishLarge(trial: Trial, dice: Dice): void {
  for (const actor of trial.actors)
    actor.publish(dice.pick(trial.channels), `${dice.random.id(12)}${"x".repeat(MESSAGE_CHARS)}`);
}
