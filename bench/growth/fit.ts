/** Least squares, for how a cost grows. */
export type Point = readonly [x: number, y: number];

export interface LinearFit {
  readonly intercept: number;
  readonly slope: number;
  /** Share of the variation that the line explains; 1 where there is none to explain. */
  readonly r2: number;
}

/** y = factor * x ^ exponent, fitted to the logarithms. */
export interface PowerFit {
  readonly factor: number;
  readonly exponent: number;
  /** Of the logarithms. */
  readonly r2: number;
}

/** `undefined` for fewer than two different x. */
export function linearFit(points: readonly Point[]): LinearFit | undefined {
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const spreadX = sum(points.map(([x]) => (x - meanX) ** 2));
  if (!(spreadX > 0)) return undefined;
  const slope = sum(points.map(([x, y]) => (x - meanX) * (y - meanY))) / spreadX;
  const intercept = meanY - slope * meanX;
  const spreadY = sum(points.map(([, y]) => (y - meanY) ** 2));
  const rest = sum(points.map(([x, y]) => (y - intercept - slope * x) ** 2));
  return { intercept, slope, r2: spreadY === 0 ? 1 : 1 - rest / spreadY };
}

/** Of the points where both are above 0. */
export function powerFit(points: readonly Point[]): PowerFit | undefined {
  const positive = points.filter(([x, y]) => x > 0 && y > 0);
  const fit = linearFit(positive.map(([x, y]) => [Math.log(x), Math.log(y)]));
  return fit && { factor: Math.exp(fit.intercept), exponent: fit.slope, r2: fit.r2 };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
