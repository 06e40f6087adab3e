/** One seed from its start to its verdict. */

import { tryCancel } from "./cancel-trial.ts";
import type { HistoryRecord } from "./history/history-record.ts";
import type { Problem } from "./recorder.ts";
import { moveOne, passTime } from "./schedule/movement.ts";
import { healNodes, restartNodes } from "./schedule/node-faults.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { turnOfEventLoop } from "./settle-promises.ts";
import { checkAllAtHead, checkCrowd, checkPresence, judge } from "./verdict.ts";
import { World, type WorldOptions } from "./world.ts";
import type { WorldPlan } from "./world-plan.ts";

export interface RunResult {
  readonly seed: number;
  readonly problems: readonly Problem[];
  /** Empty, unless it was asked for. */
  trace(): readonly string[];
  readonly history: readonly HistoryRecord[];
  readonly plan: WorldPlan;
}

/** After the last fault everybody must be at the head; what runs has to end. Both within what `verdict.ts` allows. */
const HEAL_MS = 20_000;
const MAX_QUIET_MS = 120_000;
const HEAL_STEP_MS = 250;

export async function runSeed(seed: number, options: WorldOptions = {}): Promise<RunResult> {
  const world = new World(seed, options);
  const { recorder, plan } = world;
  const scheduler = new Scheduler(world);
  recorder.write({ kind: "fault.on", fault: "phase 1" });
  const rejections = watchRejections((text) =>
    recorder.write({ kind: "process.error", process: "sim", text }),
  );
  try {
    await turnOfEventLoop();
    await world.clock.settle();
    for (let event = 0; event < plan.eventCount; event += 1) await scheduler.nextEvent();
    await heal(world);
  } catch (thrown) {
    recorder.find("thrown", thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  } finally {
    rejections.stop();
    for (const node of world.nodes) node.crash();
  }
  return { seed, ...judge(world), trace: () => recorder.trace(), plan };
}

/** Phase 2: no more faults. Whatever is under way arrives, runs to its end, and is seen. */
async function heal(world: World): Promise<void> {
  const { recorder, network, actors, spread } = world;
  spread.end();
  recorder.write({ kind: "fault.off", fault: "phase 1" });
  for (const link of network.links) link.isSlow = false;
  await healNodes(world);
  for (const actor of actors) actor.heal();
  recorder.write({ kind: "phase", phase: "heal" });
  await letPass(world, HEAL_MS);
  await untilQuiet(world);
  if (world.plan.isCancelTried) {
    await tryCancel(world, (ms) => letPass(world, ms));
    await untilQuiet(world);
  }
  recorder.write({ kind: "phase", phase: "quiescent" });
  await letPass(world, 2_000);
  recorder.write({ kind: "phase", phase: "end" });
  checkAllAtHead(world);
  checkPresence(world);
  checkCrowd(world);
  if (spread.hasHerd()) recorder.find("spread", "clients that lost a node together came back together");
}

async function untilQuiet(world: World): Promise<void> {
  for (let ms = 0; ms < MAX_QUIET_MS && !isQuiet(world); ms += 2_000) await letPass(world, 2_000);
}

async function letPass(world: World, ms: number): Promise<void> {
  let leftMs = ms;
  while (leftMs > 0) {
    while (await moveOne(world, false));
    world.network.sweep();
    restartNodes(world);
    const { clock } = world;
    // Where nothing is due for a while, nothing needs to be looked for.
    const untilDueMs = (clock.nextDueMs ?? Number.POSITIVE_INFINITY) - clock.monotonicMs();
    const stepMs = Math.min(leftMs, Math.max(HEAL_STEP_MS, Math.ceil(untilDueMs)));
    await passTime(world, stepMs);
    leftMs -= stepMs;
  }
  while (await moveOne(world, false));
}

function isQuiet({ actors, nodes }: World): boolean {
  const isIdle = nodes.every(({ isServing, runningCount }) => isServing && runningCount === 0);
  return isIdle && actors.every((actor) => actor.isOnline && actor.unanswered.length === 0);
}

function watchRejections(report: (text: string) => void): { stop(): void } {
  const onRejection = (cause: unknown) =>
    report(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  process.on("unhandledRejection", onRejection);
  return { stop: () => process.off("unhandledRejection", onRejection) };
}
