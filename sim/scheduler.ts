/** Chooses what happens next: a user, a fault, or one step of what is under way. The choices come from the seed alone. */
import { MODEL_KINDS, type ModelInput } from "./actors/model.ts";
import { turnOfEventLoop } from "./settle-promises.ts";
import type { World } from "./world.ts";

/** A store answers within this, however the dice fall: what takes longer is a store that is away. */
const MAX_STORE_AGE_MS = 100;
const FAILING_STORE_SHARE = 0.01;

type Step = (world: World) => void | Promise<void>;

const USER_STEPS: readonly (readonly [weight: number, step: Step])[] = [
  [10, publish],
  [6, subscribe],
  [2, unsubscribe],
  [4, execute],
  [2, cancel],
  [2, input],
  [2, (world) => world.dice.pick(world.actors).fidget(world.dice)],
];

const FAULT_STEPS: readonly (readonly [weight: number, step: Step])[] = [
  [6, cut],
  [2, blackHole],
  [4, toggleSlow],
  [2, crashOrStart],
  [2, jump],
];

export interface SchedulerOptions {
  readonly faultShare: number;
  readonly mayStoreFail: boolean;
}

/** One event of phase 1, and some of the movement that follows from it. */
export async function nextEvent(world: World, { faultShare, mayStoreFail }: SchedulerOptions): Promise<void> {
  const { dice, clock } = world;
  const steps = dice.chance(faultShare) ? FAULT_STEPS : USER_STEPS;
  await steps[dice.weighted(steps.map(([weight]) => weight))]![1](world);
  await clock.settle();
  const moveCount = dice.between(0, 12);
  for (let count = 0; count < moveCount; count += 1) await moveOne(world, mayStoreFail);
  if (dice.chance(0.5)) await passTime(world, dice.between(1, 60), mayStoreFail);
  await turnOfEventLoop();
}

/** Time passes; a store that is asked answers meanwhile. */
export async function passTime(world: World, ms: number, mayStoreFail = false): Promise<void> {
  const { host, clock } = world;
  if ((host.simStore?.oldestAgeMs ?? 0) + ms > MAX_STORE_AGE_MS) await drainStore(world, mayStoreFail);
  await clock.advance(ms);
}

async function drainStore(world: World, mayStoreFail: boolean): Promise<void> {
  for (let simStore = world.host.simStore; simStore !== undefined; simStore = world.host.simStore) {
    if (simStore.pendingCount === 0) return;
    await stepStore(world, mayStoreFail);
  }
}

/** One frame, or one step of the store. False when nothing can move. */
export async function moveOne(world: World, mayStoreFail: boolean): Promise<boolean> {
  const { network, host, dice, clock, recorder } = world;
  const moves: (() => string)[] = [];
  for (const link of network.links) {
    if (link.canMoveToServer) moves.push(() => `${link.id} > ${link.moveToServer()}`);
    if (link.canMoveToClient) moves.push(() => `${link.id} < ${link.moveToClient()}`);
  }
  const storeCount = host.simStore?.pendingCount ?? 0;
  if (moves.length + storeCount === 0) return false;
  if (dice.chance(storeCount / (moves.length + storeCount))) await stepStore(world, mayStoreFail);
  else {
    recorder.note(dice.pick(moves)());
    await clock.settle();
  }
  return true;
}

async function stepStore(world: World, mayStoreFail: boolean): Promise<void> {
  const { host, dice, recorder, clock } = world;
  const isFailing = mayStoreFail && dice.chance(FAILING_STORE_SHARE);
  recorder.note(`store ${await host.simStore!.step((count) => dice.between(0, count - 1), isFailing)}`);
  await clock.settle();
}

function publish({ dice, actors, channels }: World): void {
  const text = `${dice.random.id(10)}${"x".repeat(dice.chance(0.1) ? 600 : 0)}`;
  dice.pick(actors).publish(dice.pick(channels), text);
}

function subscribe({ dice, actors, channels }: World): void {
  dice.pick(actors).subscribe(dice.pick(channels));
}

function unsubscribe({ dice, actors, channels }: World): void {
  dice.pick(actors).unsubscribe(dice.pick(channels));
}

function execute({ dice, actors, channels }: World): void {
  const input: ModelInput = {
    seed: dice.between(1, 1_000_000),
    kind: dice.pick(MODEL_KINDS),
    chunkCount: dice.between(1, 25),
    maxPauseMs: dice.pick([0, 5, 50, 400]),
  };
  const channel = dice.chance(0.75) ? dice.pick(channels) : undefined;
  dice.pick(actors).execute(channel, input, dice);
}

function cancel({ dice, actors }: World): void {
  dice.pick(actors).cancel(dice);
}

function input({ dice, actors }: World): void {
  dice.pick(actors).input(dice);
}

function cut({ dice, network, recorder }: World): void {
  network.sweep();
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  const isServerTold = dice.chance(0.7);
  recorder.note(`cut ${link.id} ${isServerTold}`);
  link.cut(isServerTold);
}

function blackHole({ dice, network, recorder }: World): void {
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  recorder.note(`black hole ${link.id}`);
  link.isBlackHole = true;
}

function toggleSlow({ dice, network, recorder }: World): void {
  if (network.links.length === 0) return;
  const link = dice.pick(network.links);
  link.isSlow = !link.isSlow;
  recorder.note(`${link.id} ${link.isSlow ? "reads no more" : "reads again"}`);
}

function crashOrStart({ host, recorder }: World): void {
  recorder.note(host.isUp ? "crash" : "start");
  if (host.isUp) host.crash();
  else host.start();
}

async function jump(world: World): Promise<void> {
  const ms = world.dice.pick([500, 3_000, 12_000, 40_000]);
  world.recorder.note(`jump ${ms}`);
  // Nothing moves meanwhile: to everyone it looks like a pause of everyone else.
  await passTime(world, ms);
}
