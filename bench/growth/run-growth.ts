import type { ContenderName } from "../contender.ts";
import { type MeasureOptions, measure } from "../measure.ts";
import type { GrowthSeries } from "../saved-run.ts";
import type { Outcome } from "../works/work.ts";
import { speaksWebSocket } from "../works/work.ts";
import { DIMENSIONS, type Dimension, type GrowthScope } from "./dimensions.ts";

export interface GrowthPlan extends GrowthScope, MeasureOptions {
  readonly contenders: readonly ContenderName[];
  readonly roundCount: number;
}

/** Sizes take turns within a round, so that what the machine does meanwhile falls on all of them. */
export async function runGrowth(plan: GrowthPlan, say: (text: string) => void): Promise<GrowthSeries[]> {
  const series: GrowthSeries[] = [];
  for (const dimension of DIMENSIONS) {
    for (const contender of plan.contenders) {
      const { isFor = speaksWebSocket } = dimension.workFor(1, plan);
      if (isFor(contender)) series.push(await oneSeries(dimension, contender, plan, say));
    }
  }
  return series;
}

async function oneSeries(
  dimension: Dimension,
  contender: ContenderName,
  plan: GrowthPlan,
  say: (text: string) => void,
): Promise<GrowthSeries> {
  const sizes = plan.isFull ? dimension.fullSizes : dimension.quickSizes;
  const points = sizes.map((size) => ({ size, outcomes: [] as Outcome[] }));
  for (let round = 0; round < plan.roundCount; round += 1) {
    for (const { size, outcomes } of points) {
      say(`growth with ${dimension.name}, round ${round + 1} of ${plan.roundCount}: ${contender} at ${size}`);
      const outcome = await measure(dimension.workFor(size, plan), contender, plan);
      for (const fault of outcome.faults) say(`! ${fault}`);
      outcomes.push(outcome);
    }
  }
  return { dimension: dimension.name, contender, points };
}
