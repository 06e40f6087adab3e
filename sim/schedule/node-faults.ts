/** What goes wrong with nodes, and between them and the store. */
import type { SimNode } from "../node/sim-node.ts";
import type { World } from "../world.ts";
import { moveOne, passTime } from "./movement.ts";
import type { WeightedStep } from "./step.ts";

const isCluster = ({ plan }: World) => plan.nodeCount > 1;
const isShared = ({ plan }: World) => plan.isStoreShared;

export const NODE_FAULTS: readonly WeightedStep[] = [
  { weight: 2, take: crashOrStart },
  { weight: 2, take: jump },
  { weight: 2, take: wait },
  { weight: 1, take: stop },
  { weight: 1, take: crashAll, isPossible: isCluster },
  { weight: 3, take: pauseOrResume, isPossible: isShared },
  { weight: 3, take: blockOrUnblock, isPossible: isShared },
  { weight: 1, take: refuseOrServe, isPossible: isShared },
  { weight: 1, take: slowOrFast, isPossible: isShared },
  { weight: 2, take: deafenOrHeal, isPossible: ({ plan }) => plan.areHintsFaulty },
  { weight: 2, take: setClock, isPossible: ({ plan }) => plan.maxSkewMs > 0 },
];

/** The end of all trouble. */
export async function healNodes({ nodes }: World): Promise<void> {
  for (const node of nodes) {
    node.maxStoreAgeMs = undefined;
    if (node.path !== undefined) node.path.isRefusing = false;
    node.path?.unblock(() => true);
    await node.resume();
    if (node.line?.isDeaf === true) hear(node);
  }
}

/** As whoever watches over processes does. */
export function restartNodes({ nodes }: World): void {
  for (const node of nodes) if (!node.isUp) node.start();
}

function crashOrStart({ dice, nodes, recorder }: World): void {
  const node = dice.pick(nodes);
  recorder.note(`${node.name} ${node.isUp ? "crashes" : "starts"}`);
  if (node.isUp) node.crash();
  else node.start();
}

function crashAll({ nodes, recorder }: World): void {
  recorder.note("all nodes crash");
  for (const node of nodes) node.crash();
}

/** A while in which leases run out and pings are missed, with everything else going on. */
async function wait(world: World): Promise<void> {
  const ms = world.dice.pick([2_000, 6_000, 17_000]);
  world.recorder.note(`wait ${ms}`);
  for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
    await passTime(world, 1_000, true);
    for (let count = 0; count < 20; count += 1) if (!(await moveOne(world, true))) break;
  }
}

async function jump(world: World): Promise<void> {
  const ms = world.dice.pick([500, 3_000, 12_000, 40_000]);
  world.recorder.note(`jump ${ms}`);
  // Nothing moves meanwhile: to everyone it looks like a pause of everyone else.
  await passTime(world, ms);
}

function stop({ dice, nodes, recorder }: World): void {
  const node = dice.pick(nodes);
  const graceMs = dice.pick([0, 500, 5_000]);
  recorder.note(`${node.name} is told to stop within ${graceMs}`);
  node.stop(graceMs);
}

async function pauseOrResume({ dice, nodes, recorder, clock }: World): Promise<void> {
  const node = dice.pick(nodes);
  recorder.note(`${node.name} ${node.isPaused ? "goes on" : "stands still"}`);
  if (node.isPaused) await node.resume();
  else node.pause();
  await clock.settle();
}

async function blockOrUnblock({ dice, nodes, recorder, clock }: World): Promise<void> {
  const { name, path, line } = dice.pick(nodes);
  if (path === undefined) return;
  recorder.note(`${name} ${path.isBlocked ? "reaches the store again" : "cannot reach the store"}`);
  if (!path.isBlocked) return path.block();
  path.unblock(() => dice.chance(0.5));
  // Its other connection may have lived through it, and then nobody is told what it has missed.
  if (dice.chance(0.8)) line?.lost();
  await clock.settle();
}

function refuseOrServe({ dice, nodes, recorder }: World): void {
  const { name, path, line } = dice.pick(nodes);
  if (path === undefined) return;
  path.isRefusing = !path.isRefusing;
  recorder.note(`${name} ${path.isRefusing ? "is refused by the store" : "is served by the store again"}`);
  if (!path.isRefusing) line?.lost();
}

function slowOrFast({ dice, nodes, recorder }: World): void {
  const node = dice.pick(nodes);
  node.maxStoreAgeMs = node.maxStoreAgeMs === undefined ? dice.pick([500, 2_000]) : undefined;
  recorder.note(`${node.name} waits for its store up to ${node.maxStoreAgeMs} ms`);
}

function deafenOrHeal({ dice, nodes, recorder }: World): void {
  const node = dice.pick(nodes);
  if (node.line === undefined) return;
  recorder.note(`${node.name} ${node.line.isDeaf ? "hears hints again" : "hears no hints any more"}`);
  if (node.line.isDeaf) hear(node);
  else node.line.isDeaf = true;
}

function hear({ line }: SimNode): void {
  line!.isDeaf = false;
  line!.lost();
}

/** Of a node, or of the device of a client. */
function setClock({ dice, nodes, devices, recorder, plan }: World): void {
  const { name, machine } = dice.pick([...nodes, ...devices]);
  machine.skewMs = dice.pick([0, dice.between(-50, 50), dice.between(-plan.maxSkewMs, plan.maxSkewMs)]);
  recorder.note(`${name} has its clock set to ${machine.skewMs} ms ahead`);
}
