/** Chooses what happens next: a user, a fault, or one step of what is under way. The choices come from the seed alone. */
import { turnOfEventLoop } from "../settle-promises.ts";
import type { World } from "../world.ts";
import { LINK_FAULTS } from "./link-faults.ts";
import { flow, moveOne } from "./movement.ts";
import { NODE_FAULTS } from "./node-faults.ts";
import { pickStep, type WeightedStep } from "./step.ts";
import { STORE_FAULTS } from "./store-faults.ts";
import { USER_STEPS } from "./user-steps.ts";

/** Enough for a request to be answered before the next thing happens, and few enough that this is often not so. */
const MAX_MOVES_PER_EVENT = 12;

export class Scheduler {
  readonly #world: World;
  readonly #faults: readonly WeightedStep[];

  constructor(world: World) {
    this.#world = world;
    const all = [...LINK_FAULTS, ...NODE_FAULTS, ...STORE_FAULTS];
    this.#faults = all.filter(({ isPossible }) => isPossible?.(world) ?? true);
  }

  /** One event of phase 1, and some of the movement that follows from it. */
  async nextEvent(): Promise<void> {
    const { dice, clock, plan } = this.#world;
    const steps = dice.chance(plan.faultShare) ? this.#faults : USER_STEPS;
    await pickStep(steps, dice).take(this.#world);
    await clock.settle();
    const moveCount = dice.between(0, MAX_MOVES_PER_EVENT);
    for (let count = 0; count < moveCount; count += 1) await moveOne(this.#world, true);
    if (dice.chance(0.5)) await flow(this.#world, dice.pick([dice.between(1, 60), dice.between(20, 600)]));
    // Rejections that nobody handles are reported between two turns only.
    await turnOfEventLoop();
  }
}
