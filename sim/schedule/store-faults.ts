/** What goes wrong with the store that all share. */
import type { World } from "../world.ts";
import type { WeightedStep } from "./step.ts";

export const STORE_FAULTS: readonly WeightedStep[] = [
  { weight: 2, take: cutReplica, isPossible: ({ plan }) => plan.mayLoseTail },
  { weight: 2, take: promoteReplica, isPossible: ({ plan }) => plan.mayLoseTail },
  { weight: 1, take: restart, isPossible: ({ plan }) => plan.mayStoreRestart },
  { weight: 2, take: backUp, isPossible: ({ plan }) => plan.mayRestoreBackup },
  { weight: 2, take: restoreBackup, isPossible: ({ plan }) => plan.mayRestoreBackup },
];

const EMPTY_SHARE = 0.05;

function cutReplica({ store, recorder }: World): void {
  recorder.note("the replica gets nothing more");
  store.cutReplica();
}

function promoteReplica(world: World): void {
  const { store, witness, recorder, dice } = world;
  const isEmpty = dice.chance(EMPTY_SHARE);
  recorder.note(isEmpty ? "the store has lost everything" : "the replica is promoted");
  if (isEmpty) store.restartEmpty();
  else store.promoteReplica();
  witness.lost(store.state);
  reconnectAll(world);
}

function backUp({ store, recorder }: World): void {
  recorder.note("the store is backed up");
  store.backUp();
}

/** Nobody is told: the log goes on under the identity that it had. */
function restoreBackup({ store, nodes, witness, recorder }: World): void {
  recorder.note("the backup is restored");
  for (const node of nodes) node.crash();
  store.restoreBackup();
  witness.lost(store.state);
}

function restart(world: World): void {
  world.recorder.note("the store restarts");
  world.store.restart();
  reconnectAll(world);
}

/** All connections to the store are new. */
function reconnectAll({ nodes }: World): void {
  for (const { line } of nodes) line?.lost();
}
