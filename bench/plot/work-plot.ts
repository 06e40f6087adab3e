import { COLUMNS, type Row, spreadOfFigure } from "../report.ts";
import type { Work } from "../works/work.ts";
import { barChart } from "./bar-chart.ts";

/** The main figure of one work; `undefined` where no contender has one. */
export function workPlot(
  { title, mainFigure }: Pick<Work, "title" | "mainFigure">,
  rows: readonly Row[],
): string | undefined {
  const bars = rows.flatMap((row) => {
    const spread = spreadOfFigure(row, mainFigure);
    return spread === undefined ? [] : { name: row.contender, spread };
  });
  if (bars.length === 0) return undefined;
  const [name = title, conditions = ""] = title.split(/: (.*)/);
  const unit = COLUMNS.find(({ figure }) => figure === mainFigure)?.title ?? mainFigure;
  const better = mainFigure === "capacityPerSec" ? "higher is better" : "lower is better";
  const lead = conditions.replace(" (higher is better)", "");
  return barChart({ title: `${name} — ${unit}, ${better}`, subtitle: lead, bars });
}
