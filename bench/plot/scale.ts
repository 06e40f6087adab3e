/** Where a value lies on an axis, and where the axis has its lines. */
export interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

export interface ScaleRange {
  /** The axis covers these values and ends on a tick. */
  readonly from: number;
  readonly to: number;
  readonly startPx: number;
  readonly endPx: number;
  readonly tickCount: number;
}

const STEPS = [1, 2, 2.5, 5, 10];

/** The roundest step with which so many ticks, or fewer, cover the span. */
export function stepOf(span: number, tickCount: number): number {
  if (!(span > 0)) return 1;
  const least = span / tickCount;
  const power = 10 ** Math.floor(Math.log10(least));
  return power * STEPS.find((step) => step * power >= least * (1 - 1e-9))!;
}

export function linearScale({ from, to, startPx, endPx, tickCount }: ScaleRange): Scale {
  const step = stepOf(to - from, tickCount);
  const low = Math.floor(from / step + 1e-9);
  const high = Math.max(low + 1, Math.ceil(to / step - 1e-9));
  const ticks = Array.from({ length: high - low + 1 }, (_, at) => round((low + at) * step));
  return {
    ticks,
    at: (value) => startPx + ((value - low * step) / ((high - low) * step)) * (endPx - startPx),
  };
}

/** Of the error that adding steps makes. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}

/** Three digits are what these measurements are good for. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${trimmed(value / 1e6)}M`;
  if (size >= 100_000) return `${trimmed(value / 1e3)}k`;
  return trimmed(value);
}

function trimmed(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3;
  const text = value.toFixed(digits);
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return short === "-0" ? "0" : short.replace(/^(-?\d{1,2})(\d{3})$/, "$1,$2");
}
