import { growthPlot } from "../growth/growth-report.ts";
import { workPlot } from "../plot/work-plot.ts";
import type { GrowthSeries, SavedRun, SoakResult, WorkResult } from "../saved-run.ts";
import { soakPlot } from "../soak/soak-report.ts";
import type { Published } from "./published.ts";

export interface Plot {
  /** Of its file. */
  readonly name: string;
  readonly svg: string;
}

/** What a run leaves. */
export function plotsOf(run: SavedRun): Plot[] {
  switch (run.kind) {
    case "works":
      return run.results.flatMap(plotOfWork);
    case "growth":
      return run.series.map(plotOfSeries);
    case "soak":
      return run.soaks.map(plotOfSoak);
  }
}

/** What the page shows. */
export function plotsOfAll({ works, growth, soaks }: Published): Plot[] {
  return [
    ...works.flatMap(({ item }) => plotOfWork(item)),
    ...growth.map(({ item }) => plotOfSeries(item)),
    ...soaks.map(({ item }) => plotOfSoak(item)),
  ];
}

export function workPlotName(work: string): string {
  return `${work}.svg`;
}

export function growthPlotName({
  dimension,
  contender,
}: Pick<GrowthSeries, "dimension" | "contender">): string {
  return `growth-${dimension}-${contender}.svg`;
}

export function soakPlotName({ contender }: Pick<SoakResult, "contender">): string {
  return `soak-${contender}.svg`;
}

function plotOfWork(result: WorkResult): Plot[] {
  const svg = workPlot(result, result.rows);
  return svg === undefined ? [] : [{ name: workPlotName(result.work), svg }];
}

function plotOfSeries(series: GrowthSeries): Plot {
  return { name: growthPlotName(series), svg: growthPlot(series) };
}

function plotOfSoak(soak: SoakResult): Plot {
  return { name: soakPlotName(soak), svg: soakPlot(soak) };
}
