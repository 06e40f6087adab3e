import { growthPlot } from "../growth/growth-report.ts";
import { workPlot } from "../plot/work-plot.ts";
import type { SavedRun } from "../saved-run.ts";
import { soakPlot } from "../soak/soak-report.ts";

export interface Plot {
  /** Of its file. */
  readonly name: string;
  readonly svg: string;
}

export function plotsOf(run: SavedRun): Plot[] {
  switch (run.kind) {
    case "works":
      return run.results.flatMap((result) => {
        const svg = workPlot(result, result.rows);
        return svg === undefined ? [] : [{ name: workPlotName(result.work), svg }];
      });
    case "growth":
      return run.series.map((series) => ({ name: growthPlotName(series), svg: growthPlot(series) }));
    case "soak":
      return run.soaks.map((soak) => ({ name: soakPlotName(soak), svg: soakPlot(soak) }));
  }
}

export function workPlotName(work: string): string {
  return `${work}.svg`;
}

export function growthPlotName({ dimension, contender }: { dimension: string; contender: string }): string {
  return `growth-${dimension}-${contender}.svg`;
}

export function soakPlotName({ contender }: { readonly contender: string }): string {
  return `soak-${contender}.svg`;
}
