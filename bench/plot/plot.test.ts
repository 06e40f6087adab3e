import fc from "fast-check";
import { expect, test } from "vitest";
import { barChart } from "./bar-chart.ts";
import { lineChart } from "./line-chart.ts";
import { linearScale, shortNumber, stepOf } from "./scale.ts";
import { colourClass, element } from "./svg.ts";

test("an axis begins and ends on a tick, holds all values, and its ticks are round", () => {
  const range = { startPx: 100, endPx: 500, tickCount: 5 };
  expect(linearScale({ ...range, from: 0, to: 12.3 }).ticks).toEqual([0, 2.5, 5, 7.5, 10, 12.5]);
  expect(linearScale({ ...range, from: 0, to: 0.3 }).ticks).toEqual([0, 0.1, 0.2, 0.3]);
  expect(linearScale({ ...range, from: 0, to: 0 }).ticks).toEqual([0, 1]);
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
      fc.integer({ min: 2, max: 9 }),
      (to, tickCount) => {
        const { ticks, at } = linearScale({ ...range, from: 0, to, tickCount });
        expect(ticks.length).toBeLessThanOrEqual(tickCount + 2);
        expect(at(0)).toBeCloseTo(100, 6);
        expect(at(ticks.at(-1)!)).toBeCloseTo(500, 6);
        expect(at(to)).toBeLessThanOrEqual(500 + 1e-6);
      },
    ),
  );
});

test("an axis may run upwards", () => {
  const { at } = linearScale({ from: 0, to: 10, startPx: 300, endPx: 100, tickCount: 5 });
  expect([at(0), at(5), at(10)]).toEqual([300, 200, 100]);
});

test.each([
  [0.7, 5, 0.2],
  [10, 5, 2],
  [11, 5, 2.5],
  [26, 5, 10],
  [0, 5, 1],
])("the step for a span of %d in %d ticks is %d", (span, count, step) => {
  expect(stepOf(span, count)).toBeCloseTo(step, 9);
});

test.each([
  [0, "0"],
  [0.75, "0.75"],
  [0.0042, "0.004"],
  [12.34, "12.3"],
  [100, "100"],
  [4_321, "4,321"],
  [66_000, "66,000"],
  [400_400, "400k"],
  [1_250_000, "1.25M"],
])("%d is written %s", (value, written) => expect(shortNumber(value)).toBe(written));

test("text is escaped, and no colour class has a dot in it", () => {
  expect(element("a", { b: 'x"<', c: undefined, d: 1.23456 }, "t")).toBe('<a b="x&quot;&lt;" d="1.23">t</a>');
  expect(barChart({ title: "a < b & c", subtitle: "", bars: [] })).toContain("a &lt; b &amp; c");
  expect(colourClass("socket.io")).toBe("c-socket-io");
});

test("a bar is as long as its median, with whiskers only where rounds differ", () => {
  const spread = (median: number, min: number, max: number) => ({ median, min, max });
  const svg = barChart({
    title: "Work",
    subtitle: "CPU",
    bars: [
      { name: "plain-ws", spread: spread(10, 10, 10) },
      { name: "tachikoma-memory", spread: spread(5, 4, 6) },
    ],
  });
  const widths = [...svg.matchAll(/<rect x="148" [^>]*width="([\d.]+)"/g)].map(([, width]) => Number(width));
  expect(widths[0]! / widths[1]!).toBeCloseTo(2, 1);
  expect(svg.match(/class="whisker"/g)).toHaveLength(3);
  expect(svg).toContain("5 (4–6)");
  expect(svg).not.toContain("NaN");
});

test("each panel has its own scale and all share the axis of x", () => {
  const svg = lineChart({
    title: "Soak",
    subtitle: "",
    xTitle: "minutes",
    contender: "tachikoma-sqlite",
    panels: [
      {
        title: "RSS",
        mark: "line",
        points: [
          [0, 100],
          [10, 120],
        ],
      },
      {
        title: "heap",
        mark: "dots",
        points: [
          [0, 1],
          [5, 2],
        ],
        fit: [
          [0, 1],
          [10, 3],
        ],
      },
    ],
  });
  expect(svg.match(/<circle/g)).toHaveLength(2);
  expect(svg.match(/<path/g)).toHaveLength(2);
  expect(svg).not.toContain("NaN");
});
