import type { Spread } from "../statistics.ts";
import { linearScale, shortNumber } from "./scale.ts";
import { colourClass, element, line, picture, text } from "./svg.ts";

export interface Bar {
  readonly name: string;
  readonly spread: Spread;
}

export interface BarChart {
  readonly title: string;
  /** What the bars are, and which way is better. */
  readonly subtitle: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 760;
const LEFT = 148;
const RIGHT = 150;
const TOP = 72;
const ROW = 34;
const BAR = 18;
const BOTTOM = 40;

/** Medians as bars, the least and the most of the rounds as whiskers. */
export function barChart({ title, subtitle, bars }: BarChart): string {
  const height = TOP + bars.length * ROW + BOTTOM;
  const most = Math.max(...bars.map(({ spread }) => spread.max));
  const scale = linearScale({ from: 0, to: most, startPx: LEFT, endPx: WIDTH - RIGHT, tickCount: 5 });
  const floor = TOP + bars.length * ROW;
  const grid = scale.ticks.flatMap((tick) => [
    line([scale.at(tick), TOP - 8], [scale.at(tick), floor], "grid"),
    text(shortNumber(tick), { x: scale.at(tick), y: floor + 18, kind: "soft", anchor: "middle" }),
  ]);
  return picture({ width: WIDTH, height, title }, [
    text(title, { x: 20, y: 30, kind: "title" }),
    text(subtitle, { x: 20, y: 50, kind: "soft" }),
    ...grid,
    ...bars.flatMap((bar, at) => barParts(bar, TOP + at * ROW, scale.at)),
    line([LEFT, TOP - 8], [LEFT, floor], "axis"),
  ]);
}

function barParts({ name, spread }: Bar, top: number, at: (value: number) => number): string[] {
  const { median, min, max } = spread;
  const middle = top + ROW / 2;
  const isRange = max > min;
  const label = isRange
    ? `${shortNumber(median)} (${shortNumber(min)}–${shortNumber(max)})`
    : shortNumber(median);
  const whisker = isRange
    ? [
        line([at(min), middle], [at(max), middle], "whisker"),
        line([at(min), middle - 4], [at(min), middle + 4], "whisker"),
        line([at(max), middle - 4], [at(max), middle + 4], "whisker"),
      ]
    : [];
  return [
    text(name, { x: LEFT - 10, y: middle + 4, kind: "", anchor: "end" }),
    element("rect", {
      x: LEFT,
      y: middle - BAR / 2,
      width: Math.max(1, at(median) - LEFT),
      height: BAR,
      rx: 2,
      class: colourClass(name),
    }),
    ...whisker,
    text(label, { x: at(max) + 8, y: middle + 4, kind: "value" }),
  ];
}
