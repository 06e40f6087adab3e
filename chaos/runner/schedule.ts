/** Which trial comes next: that of the class that is furthest behind its share, so that a run may end at any time. */
import { createHash } from "node:crypto";
import type { FaultClass } from "../faults/fault-class.ts";

export interface Progress {
  readonly fault: FaultClass;
  readonly targetRounds: number;
  /** Rounds that were made or are under way. */
  takenRounds: number;
  /** Trials that were made or are under way; the next one takes its seed from it. */
  takenTrials: number;
}

export interface NextTrial {
  readonly fault: FaultClass;
  readonly roundCount: number;
  readonly seed: number;
}

/** Counts the trial as taken. `undefined` when all is done or under way. */
export function takeNext(progress: readonly Progress[], runSeed: number): NextTrial | undefined {
  const open = progress.filter(({ takenRounds, targetRounds }) => takenRounds < targetRounds);
  const [first] = open.toSorted((a, b) => a.takenRounds / a.targetRounds - b.takenRounds / b.targetRounds);
  if (first === undefined) return undefined;
  const { fault, targetRounds, takenRounds } = first;
  const roundCount = Math.min(fault.roundsPerTrial, targetRounds - takenRounds);
  const seed = seedOf(runSeed, fault.name, first.takenTrials);
  first.takenRounds += roundCount;
  first.takenTrials += 1;
  return { fault, roundCount, seed };
}

export function seedOf(runSeed: number, faultName: string, trialNumber: number): number {
  const digest = createHash("sha256").update(`${runSeed} ${faultName} ${trialNumber}`).digest();
  return digest.readUInt32BE(0) >>> 1;
}
