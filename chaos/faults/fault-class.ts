import type { Dice } from "../../sim/dice.ts";
import type { CheckOptions } from "../../sim/history/check-options.ts";
import type { InvariantId } from "../../sim/history/violation.ts";
import type { ClusterSpec } from "../cluster/cluster.ts";
import type { Trial, TrialOptions } from "../trial/trial.ts";

/** One way in which the world goes wrong, and what must hold all the same. */
export interface FaultClass {
  /** Names it on the command line and in the results. */
  readonly name: string;
  readonly title: string;
  /** What is done to the system. */
  readonly injection: string;
  /** What it is there to prove. All invariants are judged in every trial. */
  readonly holds: readonly InvariantId[];
  /** Rounds before a release. A long run makes a twentieth of them, the test suite one. */
  readonly releaseRoundCount: number;
  /** Rounds on one cluster, before it is taken down and its history judged. */
  readonly roundsPerTrial: number;
  cluster(dice: Dice): ClusterSpec;
  readonly trial?: Pick<TrialOptions, "libraryClientCount" | "plainClientCount" | "load">;
  readonly checks?: Partial<CheckOptions>;
  /** Findings that are what this fault is about, and no fault of the server. */
  readonly excuses?: readonly string[];
  /** The logs may lose what was acknowledged and applied. Readers are to be told; nothing else is promised then. */
  readonly mayLoseRecords?: boolean;
  /** Why it cannot be run on this machine; `undefined` when it can. */
  obstacle?(): string | undefined;
  /** What the rounds need besides the usual clients. Returns what ends it. */
  prepare?(trial: Trial): Promise<(() => Promise<void>) | undefined>;
  /** One fault, from its beginning to where nothing is broken any more but what it broke. */
  round(trial: Trial, dice: Dice): Promise<void>;
  /** What is wrong at the end besides what the history shows. */
  judge?(trial: Trial): readonly string[];
}

const LONG_RUN_SHARE = 1 / 20;

export function longRunRoundCount({ releaseRoundCount }: FaultClass): number {
  return Math.ceil(releaseRoundCount * LONG_RUN_SHARE);
}
