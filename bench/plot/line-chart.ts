import { linearScale, shortNumber } from "./scale.ts";
import { colourClass, element, line, path, picture, text } from "./svg.ts";

export type Point = readonly [x: number, y: number];

export interface Panel {
  readonly title: string;
  readonly points: readonly Point[];
  /** Measured one by one, or the course of something. */
  readonly mark: "dots" | "line";
  /** Dashed: what was fitted to the points, or a bound. */
  readonly fit?: readonly Point[];
}

export interface LineChart {
  readonly title: string;
  readonly subtitle: string;
  readonly xTitle: string;
  /** Decides the colour. */
  readonly contender: string;
  /** One below the other, with one axis of x. */
  readonly panels: readonly Panel[];
  readonly panelHeight?: number;
}

const WIDTH = 760;
const LEFT = 72;
const RIGHT = 28;
const TOP = 84;
const GAP = 34;
const BOTTOM = 52;

export function lineChart(chart: LineChart): string {
  const { title, subtitle, xTitle, panels, panelHeight = 120 } = chart;
  const height = TOP + panels.length * panelHeight + (panels.length - 1) * GAP + BOTTOM;
  const xs = panels.flatMap(({ points, fit = [] }) => [...points, ...fit].map(([x]) => x));
  const x = linearScale({ from: 0, to: Math.max(...xs), startPx: LEFT, endPx: WIDTH - RIGHT, tickCount: 8 });
  const floor = height - BOTTOM;
  return picture({ width: WIDTH, height, title }, [
    text(title, { x: 20, y: 30, kind: "title" }),
    text(subtitle, { x: 20, y: 50, kind: "soft" }),
    ...panels.flatMap((panel, at) => panelParts(panel, chart, x.at, TOP + at * (panelHeight + GAP))),
    ...x.ticks.map((tick) =>
      text(shortNumber(tick), { x: x.at(tick), y: floor + 18, kind: "soft", anchor: "middle" }),
    ),
    text(xTitle, { x: WIDTH - RIGHT, y: floor + 38, kind: "soft", anchor: "end" }),
  ]);
}

function panelParts(panel: Panel, chart: LineChart, xAt: (value: number) => number, top: number): string[] {
  const { points, fit = [], mark } = panel;
  const { contender, panelHeight = 120 } = chart;
  const floor = top + panelHeight;
  const most = Math.max(...[...points, ...fit].map(([, y]) => y), 0);
  const y = linearScale({
    from: 0,
    to: most,
    startPx: floor,
    endPx: top,
    tickCount: Math.round(panelHeight / 40),
  });
  const placed = points.map(([px, py]) => [xAt(px), y.at(py)] as const);
  const drawn =
    mark === "line"
      ? [path(placed, `s ${colourClass(contender)}`)]
      : placed.map(([cx, cy]) => element("circle", { cx, cy, r: 4.5, class: colourClass(contender) }));
  return [
    text(panel.title, { x: LEFT, y: top - 10, kind: "value" }),
    ...y.ticks.flatMap((tick) => [
      line([LEFT, y.at(tick)], [WIDTH - RIGHT, y.at(tick)], tick === 0 ? "axis" : "grid"),
      text(shortNumber(tick), { x: LEFT - 8, y: y.at(tick) + 4, kind: "soft", anchor: "end" }),
    ]),
    ...(fit.length === 0
      ? []
      : [
          path(
            fit.map(([px, py]) => [xAt(px), y.at(py)] as const),
            "fit",
          ),
        ]),
    ...drawn,
  ];
}
