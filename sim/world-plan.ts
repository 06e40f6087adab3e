/** What kind of world a seed makes: how many nodes, over which store, and what may go wrong in it. */
import type { Dice } from "./dice.ts";

export interface WorldPlan {
  readonly nodeCount: number;
  /** False for the store of a single process, which fails in fewer ways. */
  readonly isStoreShared: boolean;
  readonly clientCount: number;
  readonly channelCount: number;
  readonly eventCount: number;
  readonly faultShare: number;
  /** The store refuses calls now and then; a shared one also loses answers. */
  readonly mayStoreFail: boolean;
  /** The store fails over to a replica that was behind: what was acknowledged may be gone. */
  readonly mayLoseTail: boolean;
  /** The store restarts with everything that it had. */
  readonly mayStoreRestart: boolean;
  /** Hints get lost, come twice, come late and out of order. */
  readonly areHintsFaulty: boolean;
  /** By how much wall clocks may be wrong. */
  readonly maxSkewMs: number;
  /** Clients lose the permission to read a channel while they are away, and get it back. */
  readonly mayRevoke: boolean;
  /** Somebody opens as many connections as it is let. */
  readonly hasCrowd: boolean;
  /** The store is put back to what it was before, while its only process is down. */
  readonly mayRestoreBackup: boolean;
  /** When all is well again, one client starts an execution and another cancels it. */
  readonly isCancelTried: boolean;
  /** Executions are run anew when their owner is lost. */
  readonly areExecutionsRestarted: boolean;
}

const HOUR_MS = 3_600_000;

export function planWorld(dice: Dice): WorldPlan {
  const nodeCount = dice.pick([1, 2, 3] as const);
  const isStoreShared = nodeCount > 1 || dice.chance(0.3);
  const ifShared = (probability: number) => dice.chance(probability) && isStoreShared;
  return {
    nodeCount,
    isStoreShared,
    clientCount: dice.between(3, 8),
    channelCount: dice.between(2, 4),
    eventCount: dice.chance(0.1) ? dice.between(100, 180) : dice.between(20, 65),
    faultShare: dice.pick([0.05, 0.15, 0.3]),
    mayStoreFail: dice.chance(0.3),
    mayLoseTail: ifShared(0.25),
    mayStoreRestart: ifShared(0.15),
    areHintsFaulty: ifShared(0.5),
    maxSkewMs: dice.pick([0, 0, 3_000, 2 * HOUR_MS]),
    mayRevoke: dice.chance(0.2),
    hasCrowd: dice.chance(0.15),
    mayRestoreBackup: dice.chance(0.2) && !isStoreShared,
    isCancelTried: dice.chance(0.2),
    areExecutionsRestarted: dice.chance(0.3),
  };
}
