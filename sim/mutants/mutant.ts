import type { Variant } from "../variant.ts";
import type { WorldPlan } from "../world-plan.ts";

/** A world with one fault in its servers or clients. The simulation has to notice, or it proves nothing about those without it. */
export interface Mutant {
  readonly variant: Variant;
  /** The worlds in which the fault can show; what the seed says of them counts for the rest. */
  readonly plan?: Partial<WorldPlan>;
}
