import fc from "fast-check";
import { expect, test } from "vitest";
import { linearFit, powerFit } from "./fit.ts";

const number = fc.integer({ min: -1_000, max: 1_000 });

test("a line is found again", () => {
  fc.assert(
    fc.property(number, number, (intercept, slope) => {
      const fit = linearFit([1, 2, 4, 8].map((x) => [x, intercept + slope * x] as const))!;
      expect(fit.intercept).toBeCloseTo(intercept, 6);
      expect(fit.slope).toBeCloseTo(slope, 6);
      expect(fit.r2).toBeCloseTo(1, 6);
    }),
  );
});

test("a power is found again, and what is not above 0 is left out", () => {
  const points = [1, 10, 100, 1_000].map((x) => [x, 3 * x ** 0.7] as const);
  const fit = powerFit([...points, [0, 5], [5, 0]])!;
  expect(fit.factor).toBeCloseTo(3, 9);
  expect(fit.exponent).toBeCloseTo(0.7, 9);
  expect(fit.r2).toBeCloseTo(1, 9);
});

test("R2 is what the line explains of the whole", () => {
  expect(
    linearFit([
      [0, 0],
      [1, 1],
      [2, 0],
      [3, 1],
    ])!.r2,
  ).toBeCloseTo(0.2, 9);
  expect(
    linearFit([
      [0, 7],
      [1, 7],
    ])!.r2,
  ).toBe(1);
});

test("one size is no growth", () => {
  expect(linearFit([])).toBeUndefined();
  expect(
    linearFit([
      [2, 1],
      [2, 3],
    ]),
  ).toBeUndefined();
});
