import { lineChart } from "../plot/line-chart.ts";
import { shortNumber } from "../plot/scale.ts";
import type { GrowthSeries } from "../saved-run.ts";
import { spreadOf } from "../statistics.ts";
import { type Cost, dimensionOf } from "./dimensions.ts";
import { type LinearFit, linearFit, type Point, type PowerFit, powerFit } from "./fit.ts";

export interface FittedCost {
  readonly cost: Cost;
  /** Medians of the rounds. */
  readonly points: readonly Point[];
  readonly linear: LinearFit | undefined;
  readonly power: PowerFit | undefined;
}

export function fittedCosts({ dimension, points }: GrowthSeries): FittedCost[] {
  return dimensionOf(dimension).costs.map((cost) => {
    const medians = points.flatMap(({ size, outcomes }): Point[] => {
      const values = outcomes.flatMap(({ figures }) => cost.of(figures, size) ?? []);
      const spread = spreadOf(values);
      return spread === undefined ? [] : [[size, spread.median]];
    });
    return { cost, points: medians, linear: linearFit(medians), power: powerFit(medians) };
  });
}

/** `12 + 0.034 x (R² 0.998)`. */
export function linearText(fit: LinearFit | undefined): string {
  if (fit === undefined) return "-";
  const { intercept, slope, r2 } = fit;
  const sign = slope < 0 ? "-" : "+";
  return `${shortNumber(intercept)} ${sign} ${significant(Math.abs(slope))} x (R² ${r2.toFixed(3)})`;
}

/** `x^0.71 (R² 0.990)`. */
export function powerText(fit: PowerFit | undefined): string {
  return fit === undefined ? "-" : `x^${fit.exponent.toFixed(2)} (R² ${fit.r2.toFixed(3)})`;
}

export function growthText(series: GrowthSeries): string {
  const { title } = dimensionOf(series.dimension);
  const lines = fittedCosts(series).map(
    ({ cost, points, linear, power }) =>
      `  ${cost.title}, ${cost.unit}: ${points.map(([x, y]) => `${shortNumber(x)}: ${shortNumber(y)}`).join(", ")}\n` +
      `    ${linearText(linear)}; ${powerText(power)}`,
  );
  return [`${title}, ${series.contender}`, ...lines].join("\n");
}

export function growthPlot(series: GrowthSeries): string {
  const { title, xTitle } = dimensionOf(series.dimension);
  const panels = fittedCosts(series).map(({ cost, points, linear, power }) => {
    const most = Math.max(...points.map(([x]) => x));
    const fit: Point[] =
      linear === undefined
        ? []
        : [
            [0, linear.intercept],
            [most, linear.intercept + linear.slope * most],
          ];
    return {
      title: `${cost.title}, ${cost.unit}: ${linearText(linear)}, ${powerText(power)}`,
      points,
      mark: "dots",
      fit: fit.map(([x, y]): Point => [x, Math.max(0, y)]),
    } as const;
  });
  return lineChart({
    title: `Growth: ${title.toLowerCase()}`,
    subtitle: `${series.contender}, medians, with the line that was fitted`,
    xTitle,
    contender: series.contender,
    panels,
    panelHeight: 160,
  });
}

function significant(value: number): string {
  return value === 0 ? "0" : String(Number(value.toPrecision(3)));
}
