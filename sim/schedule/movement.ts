/** Moves what is under way: a frame of a link, a step of a store operation, a hint. Which one, the dice say. */
import type { Link } from "../network/link.ts";
import type { SimNode } from "../node/sim-node.ts";
import type { Fate } from "../store/store-path.ts";
import type { World } from "../world.ts";

/** A store answers within this, however the dice fall: what takes longer is a store that is away. */
const MAX_STORE_AGE_MS = 100;
const FAILING_STORE_SHARE = 0.01;
const LOST_HINT_SHARE = 0.1;
const REPEATED_HINT_SHARE = 0.1;

/** What can move now: links by direction, then nodes by what they have waiting. */
interface Movable {
  readonly toServer: Link[];
  readonly toClient: Link[];
  count: number;
}

/** Used again and again: a run looks for what can move thousands of times. */
const movable: Movable = { toServer: [], toClient: [], count: 0 };

function findMovable({ network, nodes }: World): Movable {
  const { toServer, toClient } = movable;
  toServer.length = 0;
  toClient.length = 0;
  for (const link of network.links) {
    if (link.canMoveToServer) toServer.push(link);
    if (link.canMoveToClient) toClient.push(link);
  }
  movable.count = toServer.length + toClient.length;
  for (const { path, line } of nodes) movable.count += (path?.readyCount ?? 0) + (line?.waitingCount ?? 0);
  return movable;
}

/** One frame, one step of the store, or one hint. False when nothing can move. */
export async function moveOne(world: World, mayFail: boolean): Promise<boolean> {
  const { count } = findMovable(world);
  if (count === 0) return false;
  move(world, world.dice.between(0, count - 1), mayFail);
  await world.clock.settle();
  return true;
}

function move(world: World, chosen: number, mayFail: boolean): void {
  const { toServer, toClient } = movable;
  let index = chosen;
  if (index < toServer.length) return moveToServer(world, toServer[index]!);
  index -= toServer.length;
  if (index < toClient.length) return moveToClient(world, toClient[index]!);
  index -= toClient.length;
  for (const node of world.nodes) {
    const readyCount = node.path?.readyCount ?? 0;
    if (index < readyCount) return stepStore(world, node, index, mayFail);
    index -= readyCount;
    const waitingCount = node.line?.waitingCount ?? 0;
    if (index < waitingCount) return moveHint(world, node, index, mayFail);
    index -= waitingCount;
  }
  throw new RangeError("The move that was chosen is not there");
}

function moveToServer({ recorder }: World, link: Link): void {
  recorder.note(link.id, " > ", link.moveToServer());
}

function moveToClient({ recorder }: World, link: Link): void {
  recorder.note(link.id, " < ", link.moveToClient());
}

const MAX_FLOW_STEP_MS = 60;
const MAX_MOVES_PER_STEP = 10;

/** Time passes, and some of what is under way moves meanwhile. */
export async function flow(world: World, ms: number): Promise<void> {
  let leftMs = ms;
  while (leftMs > 0) {
    const stepMs = Math.min(leftMs, world.dice.between(1, MAX_FLOW_STEP_MS));
    leftMs -= stepMs;
    await passTime(world, stepMs, true);
    const moveCount = leftMs === 0 ? 0 : world.dice.between(0, MAX_MOVES_PER_STEP);
    for (let count = 0; count < moveCount; count += 1) if (!(await moveOne(world, true))) break;
  }
}

/** Time passes; a store that is asked answers meanwhile, unless it is away. */
export async function passTime(world: World, ms: number, mayFail = false): Promise<void> {
  for (const node of world.nodes) {
    const maxAgeMs = node.maxStoreAgeMs ?? MAX_STORE_AGE_MS;
    if ((node.path?.oldestAgeMs ?? 0) + ms > maxAgeMs) await drainStore(world, node, mayFail);
  }
  await world.clock.advance(ms);
  for (const { path } of world.nodes) {
    if (path?.isBlocked !== true) continue;
    path.giveUp();
    await world.clock.settle();
  }
}

async function drainStore(world: World, node: SimNode, mayFail: boolean): Promise<void> {
  for (;;) {
    const readyCount = node.path?.readyCount ?? 0;
    if (readyCount === 0) return;
    stepStore(world, node, world.dice.between(0, readyCount - 1), mayFail);
    await world.clock.settle();
  }
}

function stepStore(world: World, node: SimNode, index: number, mayFail: boolean): void {
  const fate = mayFail ? fateOf(world) : "works";
  world.recorder.note(node.name, " store ", node.path!.step(index, fate));
}

function fateOf({ plan, dice }: World): Fate {
  if (!plan.mayStoreFail || !dice.chance(FAILING_STORE_SHARE)) return "works";
  return plan.isStoreShared && dice.chance(0.5) ? "loses its answer" : "is refused";
}

function moveHint(world: World, { name, line }: SimNode, index: number, mayFail: boolean): void {
  const { plan, dice, recorder } = world;
  const isFaulty = mayFail && plan.areHintsFaulty;
  if (isFaulty && dice.chance(LOST_HINT_SHARE)) return line!.drop(index);
  recorder.note(name, " hint ", line!.deliver(index, isFaulty && dice.chance(REPEATED_HINT_SHARE)));
}
