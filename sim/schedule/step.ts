import type { Dice } from "../dice.ts";
import type { World } from "../world.ts";

/** Something that happens to a world. */
export interface WeightedStep {
  readonly weight: number;
  readonly take: (world: World) => void | Promise<void>;
  /** Whether it can happen in this world. @default always */
  readonly isPossible?: (world: World) => boolean;
}

export function pickStep(steps: readonly WeightedStep[], dice: Dice): WeightedStep {
  return steps[dice.weighted(steps.map(({ weight }) => weight))]!;
}
